package walletapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// ProjectCache keeps projects for a while (field: best practice "cache project information"). Concurrent look-ups of one project
// share one call. It is for one client: another may see other projects.
type ProjectCache struct {
	// Client asks.
	Client *Client
	// TTL is how long a project is kept; 0 means an hour.
	TTL time.Duration

	mu     sync.Mutex
	kept   map[int64]keptProject
	begun  int64 // how often something was forgotten
	flight flight[projectAsked, Project]
}

type keptProject struct {
	Project
	at time.Time
}

// projectAsked tells those who ask after something was forgotten from those who asked before.
type projectAsked struct{ id, begun int64 }

// maxKept bounds a cache.
const maxKept = 10_000

// Project is a project, from memory or from the server. Who gets it may change it.
func (p *ProjectCache) Project(ctx context.Context, id int64) (*Project, error) {
	known, begun, ok := p.known(id)
	if !ok {
		var err error
		known, err = p.flight.do(ctx, projectAsked{id, begun}, func(ctx context.Context) (Project, error) {
			if known, _, ok := p.known(id); ok { // somebody has just got it
				return known, nil
			}
			found, err := p.Client.Project(ctx, id)
			if err != nil {
				return Project{}, err
			}
			p.keep(*found, begun)
			return *found, nil
		})
		if err != nil {
			return nil, err
		}
	}
	return &known, nil
}

func (p *ProjectCache) known(id int64) (project Project, begun int64, ok bool) {
	now := p.Client.now()
	p.mu.Lock()
	defer p.mu.Unlock()
	ttl := p.TTL
	if ttl == 0 {
		ttl = time.Hour
	}
	kept, ok := p.kept[id]
	return kept.Project, p.begun, ok && now.Sub(kept.at) < ttl
}

// keep keeps a project, unless something was forgotten since it was asked for.
func (p *ProjectCache) keep(project Project, begun int64) {
	now := p.Client.now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.begun != begun {
		return
	}
	if p.kept == nil || len(p.kept) >= maxKept {
		p.kept = map[int64]keptProject{}
	}
	p.kept[project.ID] = keptProject{project, now}
}

// Forget has the next look-up of a project ask the server, also where one is under way now.
func (p *ProjectCache) Forget(id int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.begun++
	delete(p.kept, id)
}

// Clear forgets everything.
func (p *ProjectCache) Clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.begun++
	clear(p.kept)
}

// NoAccessError says that a user does not administer a project, and which ones the user does.
type NoAccessError struct {
	ProjectID int64
	Available []Project
}

// Error names the projects that there are.
func (e *NoAccessError) Error() string {
	if len(e.Available) == 0 {
		return fmt.Sprintf("walletapi: no access to project %d: there are no projects", e.ProjectID)
	}
	ids := make([]string, len(e.Available))
	for i, p := range e.Available {
		ids[i] = strconv.FormatInt(p.ID, 10)
	}
	return fmt.Sprintf("walletapi: no access to project %d: available are %s", e.ProjectID, strings.Join(ids, ", "))
}

// EnsureProject is the project of that number if the user of the token administers it, otherwise a *NoAccessError.
func (c *Client) EnsureProject(ctx context.Context, id int64) (*Project, error) {
	projects, err := c.UserProjects(ctx, Me)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(projects, func(p Project) bool { return p.ID == id })
	if i < 0 {
		return nil, &NoAccessError{id, projects}
	}
	return &projects[i], nil
}

// ErrNoProjects says that there is nothing to choose from, ErrNoChoice that nobody was there to choose.
var (
	ErrNoProjects = errors.New("walletapi: there are no projects")
	ErrNoChoice   = errors.New("walletapi: there are several projects: name one")
)

// SelectProject is the only project, or the preferred one, or what ask says. ask may be nil.
func SelectProject(projects []Project, preferred int64, ask func([]Project) (Project, error)) (Project, error) {
	if len(projects) == 0 {
		return Project{}, ErrNoProjects
	}
	if len(projects) == 1 {
		return projects[0], nil
	}
	if i := slices.IndexFunc(projects, func(p Project) bool { return p.ID == preferred }); i >= 0 {
		return projects[i], nil
	}
	if ask == nil {
		return Project{}, ErrNoChoice
	}
	return ask(projects)
}

// Choice is where the number of the project is kept that was chosen last.
type Choice interface {
	// Load returns 0 where nothing was chosen.
	Load(ctx context.Context) (int64, error)
	Save(ctx context.Context, project int64) error
}

// ChoiceFile keeps a choice in the file of that name.
type ChoiceFile string

// chosen is what the file holds.
type chosen struct {
	SelectedProject int64 `json:"selected_project"`
}

// Load reads the file; there need not be one.
func (f ChoiceFile) Load(context.Context) (int64, error) {
	content, err := os.ReadFile(string(f))
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	var last chosen
	if err := json.Unmarshal(content, &last); err != nil {
		return 0, fmt.Errorf("walletapi: %s holds no choice: %w", string(f), err)
	}
	return last.SelectedProject, nil
}

// Save writes the file, all of it or nothing.
func (f ChoiceFile) Save(_ context.Context, project int64) error {
	content, err := encode(chosen{project})
	if err != nil {
		return err
	}
	fresh, err := os.CreateTemp(filepath.Dir(string(f)), ".choice-*")
	if err != nil {
		return err
	}
	_, err = fresh.Write(content)
	if err = errors.Join(err, fresh.Close()); err == nil {
		err = os.Rename(fresh.Name(), string(f))
	}
	if err != nil {
		os.Remove(fresh.Name())
	}
	return err
}

// ProjectSwitcher is for an app whose user works in one project and then in another. It is safe for concurrent use; a Client that it
// gave out stays in its project whatever is switched to.
type ProjectSwitcher struct {
	// Client calls as the user.
	Client *Client
	// Choice remembers the project; nil remembers it as long as the switcher lives.
	Choice Choice

	mu      sync.Mutex
	current *Project
}

// Switch goes over to a project, remembers that, and returns a client for it. Where the user does not administer it, that is a
// *NoAccessError, and the project stays as it was.
func (s *ProjectSwitcher) Switch(ctx context.Context, id int64) (*Client, error) {
	project, err := s.Client.EnsureProject(ctx, id)
	if err != nil {
		return nil, err
	}
	return s.take(ctx, *project)
}

// Resume goes on with the project that was chosen last, as long as the user administers it, and otherwise with SelectProject's.
func (s *ProjectSwitcher) Resume(ctx context.Context, ask func([]Project) (Project, error)) (*Client, error) {
	projects, err := s.Client.UserProjects(ctx, Me)
	if err != nil {
		return nil, err
	}
	var last int64
	if s.Choice != nil {
		if last, err = s.Choice.Load(ctx); err != nil {
			return nil, err
		}
	} else if current, ok := s.Current(); ok {
		last = current.ID
	}
	project, err := SelectProject(projects, last, ask)
	if err != nil {
		return nil, err
	}
	return s.take(ctx, project)
}

func (s *ProjectSwitcher) take(ctx context.Context, project Project) (*Client, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.Choice != nil {
		if err := s.Choice.Save(ctx, project.ID); err != nil {
			return nil, fmt.Errorf("walletapi: the choice of project %d was not kept: %w", project.ID, err)
		}
	}
	s.current = &project
	return s.Client.InProject(project.ID), nil
}

// Current is the project that was switched to; ok says whether there is one.
func (s *ProjectSwitcher) Current() (project Project, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current == nil {
		return Project{}, false
	}
	return *s.current, true
}

// ProjectResult is what was found out about one project.
type ProjectResult[T any] struct {
	Project Project
	Value   T
	// Err is why there is no Value.
	Err error
}

// atOnce is how many projects are asked about at the same time.
const atOnce = 8

// EachProject asks about several projects at once, about each in its own context, and returns what came of it in their order. What goes
// wrong with one does not stop the others.
func EachProject[T any](ctx context.Context, c *Client, projects []Project, ask func(ctx context.Context, in *Client, p Project) (T, error)) []ProjectResult[T] {
	results := make([]ProjectResult[T], len(projects))
	next := make(chan int)
	var workers sync.WaitGroup
	for range min(atOnce, len(projects)) {
		workers.Go(func() {
			for i := range next {
				r := &results[i]
				r.Project = projects[i]
				if r.Err = ctx.Err(); r.Err == nil {
					r.Value, r.Err = ask(ctx, c.InProject(projects[i].ID), projects[i])
				}
			}
		})
	}
	for i := range projects {
		next <- i
	}
	close(next)
	workers.Wait()
	return results
}

// ErrNoWallet says that a project has no default wallet, or that the caller may not know it.
var ErrNoWallet = errors.New("walletapi: the project names no wallet")

// ProjectBalances are the balances of the default wallets of all projects of the user of the token, asked for at once.
func (c *Client) ProjectBalances(ctx context.Context) ([]ProjectResult[Balance], error) {
	projects, err := c.UserProjects(ctx, Me)
	if err != nil {
		return nil, err
	}
	return EachProject(ctx, c, projects, func(ctx context.Context, in *Client, p Project) (Balance, error) {
		if p.WalletID == 0 {
			return nil, ErrNoWallet
		}
		return in.Balance(ctx, p.WalletID)
	}), nil
}
