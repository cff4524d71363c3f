package walletapi_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"time"

	"github.com/purserhq/purser/walletapi"
)

// The first example of the public documentation, signed again.
func ExampleRequest_Sign() {
	request := walletapi.Request{
		TS: "1343811600", Nonce: "nQnNaSNyubfPErjRO55yaaEYo9YZfKHN",
		Method: "GET", Target: "/rest/v1/payment/10145", Host: "wallet.paysera.com", Port: "443",
	}
	fmt.Println(request.Sign("IrdTc8uQodU7PRpLzzLTW6wqZAO6tAMU"))
	// Output: /qxTA8FOgT0Dd0MHh9k/sUQ3Q38ckx8+S0PBxpIuttY=
}

// A header for a call that speaks for a project; HTTP clients in any language need no more.
func ExampleSign() {
	shop := walletapi.MAC{ID: "wkVd93h2uS", Secret: "IrdTc8uQodU7PRpLzzLTW6wqZAO6tAMU"}
	to, _ := url.Parse("https://wallet.paysera.com/rest/v1/wallet/14471/balance")
	call := walletapi.Call{Method: "GET", Target: to.Path, ProjectID: 1221}
	fmt.Println(walletapi.Sign(shop, to, call, time.Unix(1343811600, 0), "nQnNaSNyubfPErjRO55yaaEYo9YZfKHN"))
	// Output: MAC id="wkVd93h2uS", ts="1343811600", nonce="nQnNaSNyubfPErjRO55yaaEYo9YZfKHN", mac="LVM7zafx0Y15yG5URYnVGnp+nP4v4gNanwxQjyMQpoc=", ext="project_id=1221"
}

// An answer that is not a success is an *APIError with what to do next.
func ExampleAnswer_Decode() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"error":"not_found","error_description":"There is no project 77: check the id."}`)
	}))
	defer server.Close()
	client := walletapi.Client{BaseURL: server.URL}
	answer, err := client.Do(context.Background(), walletapi.Call{Method: "GET", Target: "/rest/v1/project/77"})
	if err != nil {
		fmt.Println(err)
		return
	}
	var project walletapi.Project
	fmt.Println(answer.Decode(&project))
	// Output: not_found (404): There is no project 77: check the id.
}
