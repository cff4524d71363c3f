package main

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// door is where requests to a sandbox come in. While it is shut, because the world behind it is exchanged for another one,
// they wait. A new door is shut.
type door struct {
	// gate is held by who has it shut, and for a moment by who comes in.
	gate    sync.RWMutex
	isOpen  bool
	handler http.Handler
	inside  atomic.Int64
}

func newDoor() *door {
	d := &door{}
	d.gate.Lock()
	return d
}

// ServeHTTP lets a request in.
func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.gate.RLock()
	d.inside.Add(1)
	handler := d.handler
	d.gate.RUnlock()
	defer d.inside.Add(-1)
	handler.ServeHTTP(w, r)
}

// open has a handler answer, from the requests on that wait.
func (d *door) open(handler http.Handler) {
	d.handler, d.isOpen = handler, true
	d.gate.Unlock()
}

// shut lets nobody in any more, and waits until all are out, for so long at most. Open and shut are called by one
// goroutine alone.
func (d *door) shut(limit time.Duration) error {
	if !d.isOpen {
		return nil
	}
	d.gate.Lock()
	d.isOpen = false
	const look = time.Millisecond
	for waited := time.Duration(0); d.inside.Load() > 0; waited += look {
		if waited >= limit {
			return fmt.Errorf("some requests did not end within %s", limit)
		}
		time.Sleep(look)
	}
	return nil
}
