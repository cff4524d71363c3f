package walletapi

import (
	"net/http"
	"time"
)

// SetClock has a certificate's connections judge the server's certificate by another clock than the machine's.
func (c *Certificate) SetClock(now func() time.Time) {
	c.http.Transport.(*http.Transport).TLSClientConfig.Time = now
}
