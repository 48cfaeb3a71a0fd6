// SPDX-License-Identifier: MIT

// go-sse as a program for benchmarks/foreign.py: the arguments are the file, the bytes of a chunk
// (0: as the file of ends says), that file, and how often the file is parsed. The events of the
// last time are printed; what is no UTF-8 in them is replaced by the encoder, byte by byte.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log"
	"os"
	"strconv"

	"github.com/tmaxmax/go-sse"
)

type event struct {
	Event string `json:"event"`
	Data  string `json:"data"`
	ID    string `json:"id"`
}

// chunks gives at each read what is left up to the next end.
type chunks struct {
	left []byte
	ends []int
	at   int
}

func (c *chunks) Read(into []byte) (int, error) {
	if len(c.ends) == 0 {
		return 0, io.EOF
	}
	n := copy(into, c.left[:c.ends[0]-c.at])
	c.left, c.at = c.left[n:], c.at+n
	if c.at == c.ends[0] {
		c.ends = c.ends[1:]
	}
	return n, nil
}

func number(text string) int {
	value, err := strconv.Atoi(text)
	if err != nil {
		log.Fatal(err)
	}
	return value
}

func main() {
	log.SetFlags(0)
	document, err := os.ReadFile(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	size, times := number(os.Args[2]), number(os.Args[4])
	var ends []int
	if size > 0 {
		for at := 0; at < len(document); at += size {
			ends = append(ends, min(at+size, len(document)))
		}
	} else {
		lines, err := os.ReadFile(os.Args[3])
		if err != nil {
			log.Fatal(err)
		}
		for _, line := range bytes.Fields(lines) {
			ends = append(ends, number(string(line)))
		}
	}
	var found []event
	for range times {
		found = found[:0]
		for e, err := range sse.Read(&chunks{left: document, ends: ends}, &sse.ReadConfig{MaxEventSize: 1 << 24}) {
			if errors.Is(err, sse.ErrUnexpectedEOF) {
				// What ends within an event is no fault: the standard discards the event.
				break
			}
			if err != nil {
				log.Fatal(err)
			}
			name := e.Type
			if name == "" {
				name = "message"
			}
			found = append(found, event{name, e.Data, e.LastEventID})
		}
	}
	out := bufio.NewWriter(os.Stdout)
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	for _, e := range found {
		if err := encoder.Encode(e); err != nil {
			log.Fatal(err)
		}
	}
	out.Flush()
}
