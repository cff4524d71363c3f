package main

import (
	"context"
	"crypto/tls"
	"html"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"sync"
	"testing"
)

// answered is what a page answers, without following anything.
func answered(t *testing.T, client *http.Client, method, address string, form url.Values) (status int, page string, header http.Header) {
	t.Helper()
	request, err := http.NewRequest(method, address, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, html.UnescapeString(string(body)), answer.Header
}

// A sandbox shows its manual and tries routes in it, while another world is put into the place of its own too: the manual
// stands outside of the doors that are shut meanwhile, and its requests wait at them like any others.
func TestASandboxHasItsManual(t *testing.T) {
	data := shortFolder(t)
	d := startSeeded(t, data, "manual")
	root := d.holder.Address + "/docs/"
	if status, page, _ := answered(t, http.DefaultClient, "GET", root+"reference/project.html", nil); status != 200 || !strings.Contains(page, `href="../try/getProject"`) {
		t.Fatalf("%d %s", status, page)
	}
	try := func() (int, string) {
		status, page, _ := answered(t, http.DefaultClient, "POST", root+"try/getProject", url.Values{"as": {"token:1234"}, "param-id": {"1221"}})
		return status, page
	}
	if status, page := try(); status != 200 || !strings.Contains(page, "The answer: 200 OK") || !strings.Contains(page, "purser request GET /project/1221 --as token:1234 --sandbox "+data) {
		t.Fatalf("%d %s", status, page)
	}
	d.ask("sandbox/snapshot", snapshotName{Name: "one"}, nil)
	var trying sync.WaitGroup
	for range 4 {
		trying.Go(func() {
			for range 20 {
				if status, page := try(); status != 200 || !strings.Contains(page, "The answer: 200 OK") {
					t.Errorf("%d %s", status, page)
				}
			}
		})
	}
	for range 3 {
		d.ask("sandbox/restore", snapshotName{"one", true}, nil)
	}
	trying.Wait()
	// What it tried is among the requests that the sandbox shows.
	var seen logsAnswer
	d.ask("logs", logsQuery{Limit: 5}, &seen)
	if len(seen.Requests) == 0 || seen.Requests[0].Agent != "purser-manual/1" {
		t.Errorf("%+v", seen)
	}
	// The code that somebody was sent is filled in by itself.
	status, page, _ := answered(t, http.DefaultClient, "POST", root+"try/confirmUserEmail", url.Values{
		"as": {"token:5678"}, "param-user": {"me"}, "body": {`{"email": "new@example.com", "code": "<code>"}`}, "prepare": {"yes"},
	})
	if status != 200 || !strings.Contains(page, "The answer: 200 OK") {
		t.Errorf("%d %s", status, page)
	}
}

// A server for production has the manual, in which nothing can be tried, unless it is told to have none.
func TestServeHasTheManual(t *testing.T) {
	for _, wants := range []bool{true, false} {
		data := shortFolder(t)
		pool := selfSigned(t, data)
		args := []string{"--tls-certificate", data + "/cert.pem", "--tls-key", data + "/key.pem"}
		if !wants {
			args = append(args, "--docs=false")
		}
		s := startServe(t, data, args...)
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
		status, page, header := answered(t, client, "GET", s.address+"/docs/reference/", nil)
		if wants && (status != 200 || !strings.Contains(page, "API reference") || strings.Contains(page, "<form method")) {
			t.Errorf("%d %s", status, page)
		}
		if !wants && (status != 404 || header.Get("Content-Type") != "application/json") {
			t.Errorf("%d %v %s", status, header, page)
		}
		if status, page, _ := answered(t, client, "POST", s.address+"/docs/try/getProject", url.Values{"as": {"shop"}}); status == 200 || strings.Contains(page, "The answer") {
			t.Errorf("%d %s", status, page)
		}
		s.end(t)
	}
}

// The manual goes into a folder.
func TestDocsWritesTheManual(t *testing.T) {
	purser, err := exec.LookPath("purser") // this test binary
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir() + "/manual"
	out, err := exec.CommandContext(context.Background(), purser, "docs", "--out", folder).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "files; begin with "+folder+"/index.html\n") {
		t.Errorf("%s %v", out, err)
	}
	if out, err := exec.CommandContext(context.Background(), purser, "docs").CombinedOutput(); err == nil || !strings.Contains(string(out), "--out names the folder") {
		t.Errorf("%s %v", out, err)
	}
}
