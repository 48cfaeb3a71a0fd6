// SPDX-License-Identifier: MIT
// Runs pytest in Pyodide: node pyodide.mjs CHECKOUT MODULES RECORDINGS PYTEST_ARGS...
// MODULES holds node_modules/pyodide, and in site/ what the group pyodide of pyproject.toml names.

import { pathToFileURL } from "node:url";

const [checkout, modules, recordings, ...args] = process.argv.slice(2);
const { loadPyodide } = await import(
  pathToFileURL(`${modules}/node_modules/pyodide/pyodide.mjs`).href
);
const python = await loadPyodide({
  env: { HOME: "/home/pyodide", SSEWIRE_PARSER: "python", SSEWIRE_RECORDINGS: "/recordings" },
});
const folders = { "/checkout": checkout, "/site": `${modules}/site`, "/recordings": recordings };
for (const [name, root] of Object.entries(folders)) {
  python.FS.mkdirTree(name);
  python.FS.mount(python.FS.filesystems.NODEFS, { root }, name);
}
// No cache and no watchdog: one writes into the checkout, the other is a thread.
const options = ["-p", "no:cacheprovider", "-o", "faulthandler_timeout=0", "--impl", "python"];
python.globals.set("arguments", python.toPy([...options, ...args]));
process.exitCode = python.runPython(`
import os, sys

sys.dont_write_bytecode = True
sys.path[:0] = ["/checkout/src", "/checkout", "/site"]
os.chdir("/checkout")
import pytest

print("Python", sys.version, "on", sys.platform)
int(pytest.main(arguments))
`);
