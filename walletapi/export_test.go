package walletapi

import (
	"context"
	"net/http"
	"time"
)

// SetClock has a certificate's connections judge the server's certificate by another clock than the machine's.
func (c *Certificate) SetClock(now func() time.Time) {
	c.http.Transport.(*http.Transport).TLSClientConfig.Time = now
}

// SetPause has a client wait otherwise than by sleeping.
func (c *Client) SetPause(pause func(ctx context.Context, d time.Duration) error) { c.pause = pause }
