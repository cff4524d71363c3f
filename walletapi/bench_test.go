package walletapi

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"
)

// BenchmarkSDKAgainstBare says how many calls the SDK makes for each one that net/http makes with the same signing and
// decoding: sdk/bare is to be 0.8 at least. The two take turns, so that what else the machine does hits both.
func BenchmarkSDKAgainstBare(b *testing.B) {
	answer := []byte(`{"id":1221,"title":"My E-Commerce Store","wallet_id":2112,"owner_display_name":"A Company"}`)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Write(answer)
	}))
	defer server.Close()
	mac := MAC{ID: "wkVd93h2uS", Secret: "IrdTc8uQodU7PRpLzzLTW6wqZAO6tAMU"}
	sdk := (&Client{BaseURL: server.URL, Auth: mac}).InProject(1221)
	bare := newHTTP(nil)
	const callers, turn = 8, 400
	took := [2]time.Duration{}
	ways := [2]func() error{
		func() error { _, err := sdk.Project(context.Background(), 1221); return err },
		func() error { return bareProject(bare, server.URL, mac) },
	}
	for b.Loop() {
		for way, call := range ways {
			began := time.Now()
			var all sync.WaitGroup
			for range callers {
				all.Go(func() {
					for range turn / callers {
						if err := call(); err != nil {
							b.Error(err)
						}
					}
				})
			}
			all.Wait()
			took[way] += time.Since(began)
		}
	}
	b.ReportMetric(float64(took[1])/float64(took[0]), "sdk/bare")
	b.ReportMetric(float64(turn*b.N)/took[0].Seconds(), "sdk-calls/s")
	b.ReportMetric(0, "ns/op")
}

// bareProject is what a program would write by hand.
func bareProject(client *http.Client, base string, mac MAC) error {
	request, err := http.NewRequest(http.MethodGet, base+"/rest/v1/project/1221", bytes.NewReader(nil))
	if err != nil {
		return err
	}
	nonce := strconv.FormatInt(time.Now().UnixNano(), 36)
	call := Call{Method: http.MethodGet, ProjectID: 1221}
	request.Header.Set("Authorization", Sign(mac, request.URL, call, time.Now(), nonce))
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	var project Project
	return json.Unmarshal(body, &project)
}
