// SPDX-License-Identifier: MIT

// go-sse as a worker: the requests of benchmarks/harness/worker.py that a parser of a stream can
// answer, a line of JSON each. The argument is the folder of the corpora, which come as files and
// are cut here as there. Times are CPU time of the process, the collector's threads included.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/tmaxmax/go-sse"
)

// As in worker.py: the best pass of a round of so many seconds counts.
const roundSeconds = 0.05

const kib = 1024

var sizes = map[string]int{"64k": 64 * kib, "1400": 1400, "16": 16}

type worker struct {
	folder string
	key    string
	pieces [][]byte // of the corpus and the chunks that key names
}

func work(folder string) error {
	w := worker{folder: folder}
	lines := bufio.NewReader(os.Stdin)
	out := json.NewEncoder(os.Stdout)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return nil
		}
		found, err := w.answer(line)
		answer := map[string]any{"answer": found}
		if err != nil {
			answer = map[string]any{"raised": err.Error()}
		}
		if err := out.Encode(answer); err != nil {
			return err
		}
	}
}

func (w *worker) answer(line []byte) (any, error) {
	var request []json.RawMessage
	var what, first string
	if err := json.Unmarshal(line, &request); err != nil {
		return nil, err
	}
	if len(request) != 3 {
		return nil, errors.New("a request of another kind of worker")
	}
	if err := errors.Join(json.Unmarshal(request[0], &what), json.Unmarshal(request[1], &first)); err != nil {
		return nil, err
	}
	switch what {
	case "check", "count":
		var shape string
		if err := json.Unmarshal(request[2], &shape); err != nil {
			return nil, err
		}
		pieces, err := w.cut(first, shape)
		if err != nil {
			return nil, err
		}
		if what == "count" {
			return bestPass(pieces)
		}
		return w.check(first, pieces)
	case "grow":
		var size int
		if err := json.Unmarshal(request[2], &size); err != nil {
			return nil, err
		}
		return bestPass(oneEvent(first, size))
	case "read":
		var wire []byte
		var cuts [][]int
		if err := errors.Join(json.Unmarshal(request[1], &wire), json.Unmarshal(request[2], &cuts)); err != nil {
			return nil, err
		}
		return read(wire, cuts), nil
	}
	return nil, fmt.Errorf("no %s", what)
}

func (w *worker) cut(name, shape string) ([][]byte, error) {
	if w.key == name+" "+shape {
		return w.pieces, nil
	}
	document, err := os.ReadFile(filepath.Join(w.folder, name+".sse"))
	if err != nil {
		return nil, err
	}
	var ends []int
	if shape == "event" {
		text, err := os.ReadFile(filepath.Join(w.folder, name+".ends"))
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(text, &ends); err != nil {
			return nil, err
		}
	} else {
		ends = endsOf(len(document), sizes[shape])
	}
	w.key, w.pieces = name+" "+shape, cutAt(document, ends)
	return w.pieces, nil
}

func (w *worker) check(name string, pieces [][]byte) (any, error) {
	text, err := os.ReadFile(filepath.Join(w.folder, name+".json"))
	if err != nil {
		return nil, err
	}
	var expected [][3]string
	if err := json.Unmarshal(text, &expected); err != nil {
		return nil, err
	}
	found := [][3]string{}
	for e, err := range parsed(&stream{pieces: pieces}) {
		if err != nil {
			return nil, err
		}
		found = append(found, [3]string{e.Data, e.Event, e.ID})
	}
	if len(found) != len(expected) {
		return fmt.Sprintf("%d events for %d", len(found), len(expected)), nil
	}
	for i, what := range []string{"data", "event type", "id"} {
		for n := range found {
			if found[n][i] != expected[n][i] {
				return what, nil
			}
		}
	}
	return "", nil
}

func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func bestPass(pieces [][]byte) (any, error) {
	best, spent, number := -1.0, 0.0, 0
	for spent < roundSeconds {
		number = 0
		start := cpuTime()
		for _, err := range sse.Read(&stream{pieces: pieces}, config) {
			if err != nil {
				return nil, err
			}
			number++
		}
		seconds := (cpuTime() - start).Seconds()
		if best < 0 || seconds < best {
			best = seconds
		}
		// A pass that the clock takes for none must not go on for ever.
		spent += max(seconds, 1e-6)
	}
	return []any{best, number}, nil
}

func oneEvent(kind string, size int) [][]byte {
	if kind == "line" {
		piece := bytes.Repeat([]byte("x"), kib)
		pieces := [][]byte{[]byte("data: ")}
		for range size / kib {
			pieces = append(pieces, piece)
		}
		return append(pieces, []byte("\n\n"))
	}
	piece := bytes.Repeat([]byte("data: abcdefghi\n"), 1000)
	pieces := [][]byte{}
	for range size / 1000 {
		pieces = append(pieces, piece)
	}
	return append(pieces, []byte("\n"))
}

// read gives what comes of the bytes in each way to cut them, as conformance.py judges it.
func read(wire []byte, cuts [][]int) []any {
	found := []any{}
	for _, lengths := range cuts {
		var ends []int
		end := 0
		for _, length := range lengths {
			end += length
			ends = append(ends, end)
		}
		found = append(found, reading(cutAt(wire, ends)))
	}
	return found
}

func reading(pieces [][]byte) any {
	events := [][]any{}
	for e, err := range parsed(&stream{pieces: pieces}) {
		if err != nil {
			return err.Error()
		}
		events = append(events, []any{e.Data, e.Event, e.ID, nil})
	}
	// It tells no retry, and no ID but that of an event.
	return []any{events, map[string]any{}, []string{"id"}}
}
