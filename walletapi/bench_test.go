package walletapi

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"
)

// BenchmarkSDKAgainstBare says how many calls the SDK makes for each one that net/http makes with the same signing and
// decoding: sdk/bare is to be 0.8 at least. The two take turns, one first and then the other, and the middle one of the turns'
// ratios is reported, so that what else the machine does hits both. Give it some turns: -benchtime 50x.
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
	ways := [2]func() error{
		func() error { _, err := sdk.Project(context.Background(), 1221); return err },
		func() error { return bareProject(bare, server.URL, mac) },
	}
	turn(b, ways[0])
	turn(b, ways[1])
	var ratios []float64
	var fastest time.Duration
	for i := 0; b.Loop(); i++ {
		var took [2]time.Duration
		for _, way := range [2]int{i % 2, 1 - i%2} {
			took[way] = turn(b, ways[way])
		}
		if ratios = append(ratios, float64(took[1])/float64(took[0])); fastest == 0 || took[0] < fastest {
			fastest = took[0]
		}
	}
	slices.Sort(ratios)
	b.ReportMetric(ratios[len(ratios)/2], "sdk/bare")
	b.ReportMetric(turnCalls/fastest.Seconds(), "sdk-calls/s")
	b.ReportMetric(0, "ns/op")
}

// turnCalls is how many calls a turn makes, turnCallers how many make them at once.
const turnCalls, turnCallers = 400, 8

// turn makes calls and says how long they took.
func turn(b *testing.B, call func() error) time.Duration {
	began := time.Now()
	var all sync.WaitGroup
	for range turnCallers {
		all.Go(func() {
			for range turnCalls / turnCallers {
				if err := call(); err != nil {
					b.Error(err)
				}
			}
		})
	}
	all.Wait()
	return time.Since(began)
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
