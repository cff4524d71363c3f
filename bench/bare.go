package main

import (
	"bytes"
	"net/http"
	"strconv"
	"time"
)

// bareAnswer is what the bare server says: 90 bytes of JSON, about as long as a project.
var bareAnswer = []byte(`{"id":1221,"title":"My E-Commerce Store","wallet_id":2112,"owner_display_name":"A Company"}`)

// serveBare answers everything with the same JSON, of so many bytes where they are more than 0, and does nothing else. Its limits are those
// of purser's server (cmd/purser/server.go), since they cost timers on every request.
func serveBare(address string, size int) error {
	answer := bareAnswer
	if size > 0 {
		answer = bytes.Repeat([]byte{'1'}, size)
	}
	length := strconv.Itoa(len(answer))
	server := &http.Server{
		Addr: address, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 20 * time.Second,
		WriteTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Length", length) // a long one would come in pieces
			w.Write(answer)
		}),
	}
	return server.ListenAndServe()
}
