package walletapi_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/purserhq/purser/walletapi"
)

// A project by its number. (Samples: "Get Project by ID".)
func ExampleClient_Project() {
	shop := sandbox().as("shop")
	project, err := shop.Project(ctx, 1221)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("Project:", project.Title)
	fmt.Println("Owner:", project.OwnerDisplayName)
	fmt.Println("Wallet:", project.WalletID)
	// Output:
	// Project: My E-Commerce Store
	// Owner: John's Company Ltd
	// Wallet: 2112
}

// The projects that the user of a token administers. (Samples: "Get User's Administered Projects".)
func ExampleClient_UserProjects() {
	john := sandbox().as("token:1234")
	projects, err := john.UserProjects(ctx, walletapi.Me)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("Found %d projects:\n", len(projects))
	for _, p := range projects {
		fmt.Printf("- %s (%d)\n", p.Title, p.ID)
	}
	// Output:
	// Found 4 projects:
	// - My Kiosk (123)
	// - My E-Commerce Store (1221)
	// - My Second Project (1222)
	// - My Marketplace Stand (1223)
}

// A client of several projects says which one a call speaks for. The client that it is derived from stays as it is, so that nothing
// leaks from one goroutine to another. (Samples: "Using project_id Parameter", getWalletBalance.)
func ExampleClient_InProject() {
	dashboard := sandbox().as("two-shops")
	first, second := dashboard.InProject(1221), dashboard.InProject(1222)
	var both sync.WaitGroup
	for client, wallet := range map[*walletapi.Client]int64{first: 2112, second: 2113} {
		both.Go(func() {
			if _, err := client.Balance(ctx, wallet); err != nil {
				fmt.Println(err)
			}
		})
	}
	both.Wait()
	fmt.Println(first.ProjectID(), second.ProjectID(), dashboard.ProjectID())
	// Output: 1221 1222 0
}

// Where a client has several projects, and none of them is its main one, a call that needs one has to name it. (Samples: "Multiple
// projects, unclear which to use".)
func ExampleClient_InProject_required() {
	dashboard := sandbox().as("two-shops")
	order := walletapi.NewTransaction{Payments: []walletapi.NewPayment{{Price: 1250, Currency: "EUR", Description: "Order 17"}}}
	_, err := dashboard.CreateTransaction(ctx, order)
	fmt.Println(walletapi.HasCode(err, walletapi.CodeInvalidParameters))
	made, err := dashboard.InProject(1222).CreateTransaction(ctx, order)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(made.Status, made.ProjectID)
	// Output:
	// true
	// new 1222
}

// The balances of all projects of a user, asked for at once. (Samples: MultiProjectClient.getAllProjectBalances.)
func ExampleClient_ProjectBalances() {
	world := newWorld()
	defer world.close()
	shop, john := world.as("shop"), world.as("token:1234")
	if _, err := pay(shop.InProject(1221), 12_50); err != nil {
		fmt.Println(err)
		return
	}
	balances, err := john.ProjectBalances(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, b := range balances {
		if b.Err != nil {
			fmt.Printf("Error for project %d: %v\n", b.Project.ID, b.Err)
			continue
		}
		fmt.Printf("%s: wallet %d holds %s EUR\n", b.Project.Title, b.Project.WalletID, b.Value["EUR"].AtDisposalDecimal)
	}
	// Output:
	// My Kiosk: wallet 2112 holds 12.50 EUR
	// My E-Commerce Store: wallet 2112 holds 12.50 EUR
	// My Second Project: wallet 2113 holds  EUR
	// My Marketplace Stand: wallet 2112 holds 12.50 EUR
}

// Anything about all projects at once, each in its own context: a dashboard. (Samples: "Multi-Project Dashboard".)
func ExampleEachProject() {
	world := newWorld()
	defer world.close()
	shop, john := world.as("shop"), world.as("token:1234")
	for _, cents := range []int64{5_00, 7_50} {
		if _, err := pay(shop.InProject(1222), cents); err != nil {
			fmt.Println(err)
			return
		}
	}
	projects, err := john.UserProjects(ctx, walletapi.Me)
	if err != nil {
		fmt.Println(err)
		return
	}
	sold := func(ctx context.Context, in *walletapi.Client, p walletapi.Project) (cents int64, err error) {
		filter := walletapi.TransactionFilter{ProjectID: p.ID, Statuses: []string{walletapi.StatusConfirmed}}
		for t, err := range in.AllTransactions(ctx, filter) {
			if err != nil {
				return 0, err
			}
			for _, payment := range t.Payments {
				cents += payment.Price
			}
		}
		return cents, nil
	}
	for _, r := range walletapi.EachProject(ctx, shop, projects, sold) {
		fmt.Println(r.Project.Title, r.Value, r.Err)
	}
	// Output:
	// My Kiosk 0 <nil>
	// My E-Commerce Store 0 <nil>
	// My Second Project 1250 <nil>
	// My Marketplace Stand 0 <nil>
}

// Projects change seldom: a cache spares calls, and a thousand goroutines that ask for one project make one. (Samples: "Cache Project
// Information".)
func ExampleProjectCache() {
	cache := &walletapi.ProjectCache{Client: sandbox().as("shop"), TTL: time.Hour}
	project, err := cache.Project(ctx, 1221) // asks the server
	if err != nil {
		fmt.Println(err)
		return
	}
	same, err := cache.Project(ctx, 1221) // does not
	fmt.Println(project.Title, *same == *project, err)
	cache.Forget(1221) // the next one asks again
	// Output: My E-Commerce Store true <nil>
}

// Which project to work in: the only one, the preferred one, or what somebody says. (Samples: "Handle Multiple Projects".)
func ExampleSelectProject() {
	projects, err := sandbox().as("token:1234").UserProjects(ctx, walletapi.Me)
	if err != nil {
		fmt.Println(err)
		return
	}
	ask := func(projects []walletapi.Project) (walletapi.Project, error) {
		return projects[0], nil // here a program shows a list
	}
	preferred, _ := walletapi.SelectProject(projects, 1222, ask)
	asked, _ := walletapi.SelectProject(projects, 0, ask)
	fmt.Println(preferred.Title)
	fmt.Println(asked.Title)
	// Output:
	// My Second Project
	// My Kiosk
}

// Whether a user has access to a project, and to which ones if not. (Samples: "Validate Project Access".)
func ExampleClient_EnsureProject() {
	john := sandbox().as("token:1234")
	if project, err := john.EnsureProject(ctx, 1221); err == nil {
		fmt.Println(project.Title)
	}
	_, err := john.EnsureProject(ctx, 1300)
	var refused *walletapi.NoAccessError
	if errors.As(err, &refused) {
		fmt.Println(refused)
	}
	// Output:
	// My E-Commerce Store
	// walletapi: no access to project 1300: available are 123, 1221, 1222, 1223
}

// An app whose user switches between projects, and finds the last one again. (Samples: "Project Switching".)
func ExampleProjectSwitcher() {
	folder, err := os.MkdirTemp("", "switcher-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(folder)
	john, choice := sandbox().as("token:1234"), walletapi.ChoiceFile(filepath.Join(folder, "selected.json"))
	app := &walletapi.ProjectSwitcher{Client: john, Choice: choice}
	if _, err := app.Switch(ctx, 1222); err != nil {
		fmt.Println(err)
		return
	}
	current, _ := app.Current()
	fmt.Println(current.Title)

	// The next day.
	app = &walletapi.ProjectSwitcher{Client: john, Choice: choice}
	client, err := app.Resume(ctx, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(client.ProjectID())
	// Output:
	// My Second Project
	// 1222
}

// The configuration lies beside the program, the key does not. (Samples: "Configure Your Application", "Store Configuration".)
func ExampleLoadConfig() {
	folder, err := os.MkdirTemp("", "config-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(folder)
	file := filepath.Join(folder, "config.json")
	text := fmt.Sprintf(`{"production": {
		"base_url": %q, "project_id": 1221, "wallet_id": 2112, "client_id": "wkVd93h2uS", "mac_key_file": "mac.key"
	}}`, sandbox().URL)
	os.WriteFile(file, []byte(text), 0o644)
	os.WriteFile(filepath.Join(folder, "mac.key"), []byte(sandbox().Credentials("shop").Secret), 0o600)

	config, err := walletapi.LoadConfig(file, "production")
	if err != nil {
		fmt.Println(err)
		return
	}
	client, err := config.Client()
	if err != nil {
		fmt.Println(err)
		return
	}
	client.Now = sandbox().Wall.Now // the sandbox of these examples has a clock of its own
	project, err := client.Project(ctx, config.ProjectID)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(project.Title, client.Auth)
	// Output: My E-Commerce Store MAC wkVd93h2uS
}

// A project that is not there, and what there is instead. (Samples: "Project not found".)
func ExampleHasCode() {
	shop, john := sandbox().as("shop"), sandbox().as("token:1234")
	_, err := shop.Project(ctx, 77)
	if walletapi.HasCode(err, walletapi.CodeNotFound, walletapi.CodeForbidden) {
		available, err := john.UserProjects(ctx, walletapi.Me)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Print("Available projects:")
		for _, p := range available {
			fmt.Print(" ", p.ID)
		}
	}
	// Output: Available projects: 123 1221 1222 1223
}
