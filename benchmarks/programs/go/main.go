// SPDX-License-Identifier: MIT

// go-sse as a program for benchmarks/foreign.py: the arguments are the file, the bytes of a chunk
// (0: as the file of ends says), that file, and how often the file is parsed. The events of the
// last time are printed; what is no UTF-8 in them is replaced by the encoder, byte by byte. With
// a folder as its one argument it is a worker (worker.go).
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"iter"
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

// So large events as any corpus has: its own limit is 64 KiB.
var config = &sse.ReadConfig{MaxEventSize: 1 << 30}

// parsed gives the events of a stream, as the standard names those without a type.
func parsed(from io.Reader) iter.Seq2[event, error] {
	return func(yield func(event, error) bool) {
		for e, err := range sse.Read(from, config) {
			if errors.Is(err, sse.ErrUnexpectedEOF) {
				// What ends within an event is no fault: the standard discards the event.
				return
			}
			if e.Type == "" {
				e.Type = "message"
			}
			if !yield(event{e.Type, e.Data, e.LastEventID}, err) {
				return
			}
		}
	}
}

// stream gives at each read what is left of one piece.
type stream struct {
	pieces [][]byte
	rest   []byte
}

func (s *stream) Read(into []byte) (int, error) {
	for len(s.rest) == 0 {
		if len(s.pieces) == 0 {
			return 0, io.EOF
		}
		s.rest, s.pieces = s.pieces[0], s.pieces[1:]
	}
	n := copy(into, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

func number(text string) int {
	value, err := strconv.Atoi(text)
	if err != nil {
		log.Fatal(err)
	}
	return value
}

// endsOf gives where pieces of so many bytes end.
func endsOf(length, size int) []int {
	var ends []int
	for at := 0; at < length; at += size {
		ends = append(ends, min(at+size, length))
	}
	return ends
}

// cutAt gives the pieces of a document that end there.
func cutAt(document []byte, ends []int) [][]byte {
	var pieces [][]byte
	at := 0
	for _, end := range ends {
		pieces = append(pieces, document[at:end])
		at = end
	}
	return pieces
}

func main() {
	log.SetFlags(0)
	if len(os.Args) == 2 {
		if err := work(os.Args[1]); err != nil {
			log.Fatal(err)
		}
		return
	}
	document, err := os.ReadFile(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	size, times := number(os.Args[2]), number(os.Args[4])
	var ends []int
	if size > 0 {
		ends = endsOf(len(document), size)
	} else {
		lines, err := os.ReadFile(os.Args[3])
		if err != nil {
			log.Fatal(err)
		}
		for _, line := range bytes.Fields(lines) {
			ends = append(ends, number(string(line)))
		}
	}
	pieces := cutAt(document, ends)
	var found []event
	for range times {
		found = found[:0]
		for e, err := range parsed(&stream{pieces: pieces}) {
			if err != nil {
				log.Fatal(err)
			}
			found = append(found, e)
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
