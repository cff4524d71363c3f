package walletapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// projectServer answers for projects after a while, and counts.
func projectServer(t *testing.T, delay time.Duration) (*Client, *atomic.Int64) {
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := asked.Add(1)
		time.Sleep(delay)
		id := strings.TrimPrefix(r.URL.Path, "/rest/v1/project/")
		if id == "77" {
			refusing(404, CodeNotFound, "There is no project 77.")(w)
			return
		}
		fmt.Fprintf(w, `{"id":%s,"title":"Answer %d"}`, id, n)
	}))
	t.Cleanup(server.Close)
	return &Client{BaseURL: server.URL}, &asked
}

func TestAThousandLookUpsAreOneRequest(t *testing.T) {
	client, asked := projectServer(t, 20*time.Millisecond)
	cache := &ProjectCache{Client: client}
	var all sync.WaitGroup
	for range 1000 {
		all.Go(func() {
			if p, err := cache.Project(context.Background(), 1221); err != nil || p.ID != 1221 {
				t.Errorf("%v, %v", p, err)
			}
		})
	}
	all.Wait()
	if asked.Load() != 1 {
		t.Errorf("a thousand look-ups made %d requests", asked.Load())
	}
}

func TestTheCacheForgets(t *testing.T) {
	client, asked := projectServer(t, 0)
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	client.Now = func() time.Time { return now }
	cache := &ProjectCache{Client: client, TTL: time.Minute}
	look := func(id, requests int64) {
		t.Helper()
		p, err := cache.Project(context.Background(), id)
		if err != nil || p.ID != id || asked.Load() != requests {
			t.Errorf("project %d: %v, %v after %d requests", id, p, err, asked.Load())
		}
		if p != nil {
			p.Title = "changed by who asked"
		}
	}
	look(1, 1)
	look(1, 1)
	look(2, 2)
	if p, _ := cache.Project(context.Background(), 1); p.Title != "Answer 1" {
		t.Errorf("what is kept was changed: %v", p)
	}
	now = now.Add(time.Minute)
	look(1, 3)
	cache.Forget(1)
	look(1, 4)
	cache.Clear()
	look(1, 5)
	look(2, 6)
	for range 2 {
		if _, err := cache.Project(context.Background(), 77); !HasCode(err, CodeNotFound) {
			t.Errorf("the error is %v", err)
		}
	}
	if asked.Load() != 8 {
		t.Error("a refusal was kept")
	}
}

// What was asked for before something was forgotten is not kept, and nobody who asks afterwards gets it.
func TestForgettingIsNotOvertaken(t *testing.T) {
	begun, answer := make(chan struct{}), make(chan struct{})
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n := asked.Add(1); n == 1 {
			close(begun)
			<-answer
			fmt.Fprint(w, `{"id":1,"title":"old"}`)
			return
		}
		fmt.Fprint(w, `{"id":1,"title":"new"}`)
	}))
	defer server.Close()
	cache := &ProjectCache{Client: &Client{BaseURL: server.URL}}
	first := make(chan *Project)
	go func() { p, _ := cache.Project(context.Background(), 1); first <- p }()
	<-begun
	cache.Forget(1)
	if p, err := cache.Project(context.Background(), 1); err != nil || p.Title != "new" {
		t.Errorf("after forgetting: %v, %v", p, err)
	}
	close(answer)
	if p := <-first; p.Title != "old" {
		t.Errorf("who asked before got %v", p)
	}
	if p, _ := cache.Project(context.Background(), 1); p.Title != "new" || asked.Load() != 2 {
		t.Errorf("what was overtaken is kept: %v", p)
	}
}

// Contexts stay with those who named them, however many goroutines name others.
func TestContextDoesNotLeak(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a, _ := ParseAuthorization(r.Header.Get("Authorization"))
		ext, _ := ParseExt(a.Ext)
		fmt.Fprintf(w, `{"title":"%s at %s","id":1}`, ext.ProjectID, ext.LocationID)
	}))
	defer server.Close()
	base := &Client{BaseURL: server.URL, Auth: MAC{ID: "shop", Secret: "key"}}
	var all sync.WaitGroup
	for i := range int64(100) {
		all.Go(func() {
			in := base.InProject(1000 + i)
			at := in.AtLocation(i + 1)
			for _, c := range []struct {
				*Client
				want string
			}{{at, fmt.Sprintf("%d at %d", 1000+i, i+1)}, {in, fmt.Sprintf("%d at ", 1000+i)}, {base, " at "}, {at.InProject(0).AtLocation(0), " at "}} {
				if p, err := c.Project(context.Background(), 1); err != nil || p.Title != c.want {
					t.Errorf("%v, %v instead of %s", p, err, c.want)
				}
			}
		})
	}
	all.Wait()
}

func TestSelectProject(t *testing.T) {
	one, two := Project{ID: 1}, Project{ID: 2}
	asked := func(all []Project) (Project, error) { return all[len(all)-1], nil }
	for _, test := range []struct {
		projects  []Project
		preferred int64
		ask       func([]Project) (Project, error)
		want      int64
		err       error
	}{
		{nil, 1, asked, 0, ErrNoProjects},
		{[]Project{one}, 2, nil, 1, nil},
		{[]Project{one, two}, 2, nil, 2, nil},
		{[]Project{one, two}, 3, asked, 2, nil},
		{[]Project{one, two}, 0, nil, 0, ErrNoChoice},
	} {
		if got, err := SelectProject(test.projects, test.preferred, test.ask); got.ID != test.want || !errors.Is(err, test.err) {
			t.Errorf("of %v, %d preferred: %d, %v", test.projects, test.preferred, got.ID, err)
		}
	}
}

func TestTheSwitcherRemembers(t *testing.T) {
	projects := `[{"id":1,"title":"One"},{"id":2,"title":"Two"}]`
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, projects) }))
	defer server.Close()
	file := ChoiceFile(filepath.Join(t.TempDir(), "choice.json"))
	client := &Client{BaseURL: server.URL}
	first := &ProjectSwitcher{Client: client, Choice: file}
	if _, ok := first.Current(); ok {
		t.Error("there is a project before one was chosen")
	}
	if _, err := first.Resume(context.Background(), nil); !errors.Is(err, ErrNoChoice) {
		t.Errorf("the error is %v", err)
	}
	in, err := first.Switch(context.Background(), 2)
	if err != nil || in.ProjectID() != 2 {
		t.Fatalf("switching: %v", err)
	}
	var refused *NoAccessError
	if _, err := first.Switch(context.Background(), 3); !errors.As(err, &refused) || err.Error() != "walletapi: no access to project 3: available are 1, 2" {
		t.Errorf("the error is %v", err)
	}
	if p, ok := first.Current(); !ok || p.Title != "Two" || in.ProjectID() != 2 {
		t.Errorf("now in %v", p)
	}
	second := &ProjectSwitcher{Client: client, Choice: file}
	if in, err := second.Resume(context.Background(), nil); err != nil || in.ProjectID() != 2 {
		t.Errorf("resuming: %v", err)
	}
	projects = `[{"id":1,"title":"One"}]` // and no longer the second
	if in, err := second.Resume(context.Background(), nil); err != nil || in.ProjectID() != 1 {
		t.Errorf("resuming without it: %v", err)
	}
	os.WriteFile(string(file), []byte("{"), 0o600)
	if _, err := second.Resume(context.Background(), nil); err == nil || !strings.Contains(err.Error(), "choice.json") {
		t.Errorf("the error is %v", err)
	}
}

// Without a place to remember it in, the project that was chosen stays chosen for as long as the switcher lives.
func TestTheSwitcherStaysWhereItIs(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, `[{"id":1,"title":"One"},{"id":2,"title":"Two"}]`)
	}))
	defer server.Close()
	s := &ProjectSwitcher{Client: &Client{BaseURL: server.URL}}
	if _, err := s.Switch(context.Background(), 2); err != nil {
		t.Fatal(err)
	}
	if in, err := s.Resume(context.Background(), nil); err != nil || in.ProjectID() != 2 {
		t.Errorf("resuming: %v", err)
	}
}

func TestEachProjectAsksAtOnceAndGoesOn(t *testing.T) {
	projects := make([]Project, 50)
	for i := range projects {
		projects[i].ID = int64(i + 1)
	}
	var running, most atomic.Int64
	results := EachProject(context.Background(), &Client{}, projects, func(_ context.Context, in *Client, p Project) (int64, error) {
		n := running.Add(1)
		defer running.Add(-1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		time.Sleep(time.Millisecond)
		if p.ID == 13 {
			return 0, ErrNoWallet
		}
		return in.ProjectID(), nil
	})
	for i, r := range results {
		if id := int64(i + 1); r.Project.ID != id || (r.Err != nil) != (id == 13) || r.Err == nil && r.Value != id {
			t.Errorf("%d: %v", i, r)
		}
	}
	if most.Load() < 2 || most.Load() > atOnce {
		t.Errorf("%d were asked at once", most.Load())
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	for _, r := range EachProject(ended, &Client{}, projects, func(context.Context, *Client, Project) (int, error) { return 1, nil }) {
		if !errors.Is(r.Err, context.Canceled) {
			t.Errorf("after the end: %v", r.Err)
		}
	}
}

func TestConfiguration(t *testing.T) {
	folder := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		t.Helper()
		path := filepath.Join(folder, name)
		if err := errors.Join(os.WriteFile(path, []byte(text), mode), os.Chmod(path, mode)); err != nil {
			t.Fatal(err)
		}
		return path
	}
	t.Setenv(MACKeyVariable, "")
	file := write("config.json", `{
		"production": {"base_url": "https://wallet.example", "client_id": "shop", "project_id": 1221, "wallet_id": 2112, "location_id": 456, "mac_key_file": "key"},
		"leaky": {"base_url": "https://wallet.example", "client_id": "shop", "mac_key": "s3cr3t"},
		"misspelt": {"base_ulr": "https://wallet.example"},
		"nowhere": {"client_id": "shop"},
		"keyless": {"base_url": "https://wallet.example", "client_id": "shop"},
		"public": {"base_url": "https://wallet.example"},
		"tls": {"base_url": "https://wallet.example", "certificate_file": "none.pem", "private_key_file": "key"}
	}`, 0o644)
	for name, problem := range map[string]string{
		"leaky": "PURSER_MAC_KEY", "misspelt": "base_ulr", "absent": "absent",
	} {
		if _, err := LoadConfig(file, name); err == nil || !strings.Contains(err.Error(), problem) || strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("%s: %v", name, err)
		}
	}
	client := func(name string) (*Client, error) {
		t.Helper()
		c, err := LoadConfig(file, name)
		if err != nil {
			t.Fatal(err)
		}
		return c.Client()
	}
	for name, problem := range map[string]string{"nowhere": "base_url", "keyless": MACKeyVariable, "production": "no such file", "tls": "no such file"} {
		if _, err := client(name); err == nil || !strings.Contains(err.Error(), problem) {
			t.Errorf("%s: %v", name, err)
		}
	}
	write("key", "the-key\n", 0o640)
	for _, name := range []string{"production", "tls"} {
		if _, err := client(name); err == nil || !strings.Contains(err.Error(), "0640") {
			t.Errorf("%s with a key for the group: %v", name, err)
		}
	}
	write("key", "the-key\n", 0o600)
	c, err := client("production")
	if err != nil || c.Auth != (MAC{ID: "shop", Secret: "the-key"}) || c.ProjectID() != 1221 || c.LocationID() != 456 {
		t.Errorf("the client is %v: %v", c, err)
	}
	t.Setenv(MACKeyVariable, "from-outside")
	if c, err := client("keyless"); err != nil || c.Auth != (MAC{ID: "shop", Secret: "from-outside"}) {
		t.Errorf("the client is %v: %v", c, err)
	}
	if c, err := client("public"); err != nil || c.Auth != nil {
		t.Errorf("the client is %v: %v", c, err)
	}
}
