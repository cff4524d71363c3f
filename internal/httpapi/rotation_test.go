package httpapi_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/purserhq/purser/internal/pki"
	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/wallettest"
	"github.com/purserhq/purser/walletapi"
)

// signers is how many clients sign while their credentials are rotated.
const signers = 50

// caller is a shop's program: it calls one server after the other, by its key and by its certificate,
// and takes over new ones between two calls.
type caller struct {
	id      int64
	macID   string
	servers []*wallettest.Server

	mu          sync.Mutex
	key         string
	byTLS       *http.Client
	certificate [32]byte

	calls, refused *atomic.Int64
	t              *testing.T
}

// once calls a server both ways, without letting go of the credentials meanwhile.
func (c *caller) once(ctx context.Context, server *wallettest.Server) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := server.Wall.Now
	for _, client := range []*walletapi.Client{
		{BaseURL: server.URL, Auth: walletapi.MAC{ID: c.macID, Secret: c.key}, Now: now},
		{BaseURL: server.TLSURL, HTTP: c.byTLS, Now: now},
	} {
		answer, err := client.Do(ctx, walletapi.Call{Method: "GET", Target: clientPath})
		if err == nil && answer.Status == http.StatusOK {
			c.calls.Add(1)
			continue
		}
		c.refused.Add(1)
		c.t.Errorf("client %d was refused: %v %+v", c.id, err, answer)
	}
}

// run calls until told to stop.
func (c *caller) run(stop <-chan struct{}) {
	for i := 0; ; i++ {
		select {
		case <-stop:
			return
		default:
			c.once(context.Background(), c.servers[i%len(c.servers)])
		}
	}
}

// present makes the client that shows a certificate to any of the servers.
func (c *caller) present(certificate *tls.Certificate) *http.Client {
	config := c.servers[0].TLS()
	config.Certificates = []tls.Certificate{*certificate}
	return &http.Client{Transport: &http.Transport{TLSClientConfig: config}}
}

// rotate makes the next key and certificate, hands them over, and retires the old ones.
func (c *caller) rotate() error {
	ctx, operated := context.Background(), c.servers[0].Service
	next, err := operated.RotateKey(ctx, wallettest.Operator, c.id, 0)
	if err != nil {
		return err
	}
	certificate := c.servers[0].NewCertificate(c.id)
	x, err := x509.ParseCertificate(certificate.Certificate[0])
	if err != nil {
		return err
	}
	c.mu.Lock()
	old := c.certificate
	c.key, c.certificate, c.byTLS = next.Key.Reveal(), pki.Fingerprint(x), c.present(certificate)
	c.mu.Unlock()
	if err := operated.RetireKey(ctx, wallettest.Operator, c.id, next.Number-1); err != nil {
		return err
	}
	if old == ([32]byte{}) {
		return nil
	}
	return operated.RevokeCertificate(ctx, wallettest.Operator, c.id, old)
}

// Fifty shops sign without a pause while every one of their keys and certificates is replaced, twice,
// and the old ones are retired: not one request is refused. On PostgreSQL they call two servers in
// turn, and only one of those was told.
func TestRotationUnderLoad(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		servers := []*wallettest.Server{wallettest.NewServer(t, address)}
		if address[:8] == "postgres" {
			servers = append(servers, wallettest.NewServer(t, address))
		}
		var calls, refused atomic.Int64
		var all []*caller
		for i := range signers {
			made, key, err := servers[0].Service.CreateClient(context.Background(), wallettest.Operator, wallet.Client{
				Title: fmt.Sprint("Shop ", i), Type: wallet.PrivateClient, Projects: []int64{1221},
			}, "")
			if err != nil {
				t.Fatal(err)
			}
			c := &caller{id: made.ID, macID: made.MACID, servers: servers, key: key.Reveal(), calls: &calls, refused: &refused, t: t}
			certificate := servers[0].NewCertificate(c.id)
			x, err := x509.ParseCertificate(certificate.Certificate[0])
			if err != nil {
				t.Fatal(err)
			}
			c.certificate, c.byTLS = pki.Fingerprint(x), c.present(certificate)
			all = append(all, c)
		}
		stop := make(chan struct{})
		var running sync.WaitGroup
		for _, c := range all {
			running.Go(func() { c.run(stop) })
		}
		for range 2 {
			for _, c := range all {
				if err := c.rotate(); err != nil {
					t.Fatal(err)
				}
			}
		}
		before := calls.Load()
		for deadline := time.Now().Add(20 * time.Second); calls.Load() < before+4*signers && time.Now().Before(deadline); {
			time.Sleep(10 * time.Millisecond) // everybody has signed with the last ones
		}
		close(stop)
		running.Wait()
		t.Logf("%d rotations under %d requests, %d refused", 4*signers, calls.Load(), refused.Load())
		if calls.Load() < 10*signers {
			t.Errorf("only %d requests: this showed little", calls.Load())
		}
	})
}

// Two servers share a PostgreSQL. A request that changes something is accepted at one of them, and
// whoever sends the same bytes to the other changes nothing; a replay to one that was restarted with
// nothing but the database fails too.
func TestAChangeIsAcceptedOnceAcrossServers(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		here := wallettest.NewServer(t, address)
		there := here
		if address[:8] == "postgres" {
			there = wallettest.NewServer(t, address)
		}
		const body = `{"type":"app_client","info":{"device_id":"twice"}}`
		request := here.Compose("app", "POST", clientPath, wallettest.Body(body), wallettest.Host("wallet.example"))
		expect(t, here.SendRaw(request), 200, "")
		expect(t, there.SendRaw(request), 401, wallet.Unauthorized)
		there.ForgetNonces()
		replay := there.SendRaw(request)
		expect(t, replay, 401, wallet.Unauthorized)
		if replay.Error.Description != wallet.NonceUsed {
			t.Errorf("refused for another reason: %s", replay.Body)
		}
		clients, _, err := here.Service.ListClients(context.Background(), wallettest.Operator, service.ClientFilter{CreatedBy: 5})
		if err != nil || len(clients) != 2 { // the sample world's device, and this one
			t.Errorf("the application has %d devices, %v", len(clients), err)
		}
		// A read may be seen once by each process: nothing comes of it.
		again := there.Compose("app", "POST", clientPath, wallettest.Body(body), wallettest.Host("wallet.example"))
		expect(t, there.SendRaw(again), 200, "")
	})
}

// A key is retired, a certificate revoked and a client ended at one server: the other refuses them
// within a second, on connections that are open as well.
func TestRevocationReachesTheOtherServerWithinASecond(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		here := wallettest.NewServer(t, address)
		there := here
		if address[:8] == "postgres" {
			there = wallettest.NewServer(t, address)
		}
		ctx := context.Background()
		old := here.Credentials("two-shops")
		certificate := here.NewCertificate(2)
		x, err := x509.ParseCertificate(certificate.Certificate[0])
		if err != nil {
			t.Fatal(err)
		}
		next, err := here.Service.RotateKey(ctx, wallettest.Operator, 2, 0)
		if err != nil {
			t.Fatal(err)
		}
		fresh := wallettest.SignedBy(walletapi.MAC{ID: old.ID, Secret: next.Key.Reveal()})
		expect(t, there.Send("", "GET", clientPath, fresh), 200, "") // known there at once
		expect(t, there.Send("", "GET", clientPath, wallettest.SignedBy(old)), 200, "")
		byTLS := wallettest.OverTLS(certificate)
		expect(t, there.Send(wallettest.Anonymous, "GET", clientPath, byTLS), 200, "")

		dies := func(what string, end error, send func() *wallettest.Answer) {
			t.Helper()
			if end != nil {
				t.Fatal(end)
			}
			for ended := time.Now(); send().Status != 401; time.Sleep(10 * time.Millisecond) {
				if time.Since(ended) > time.Second {
					t.Errorf("%s is still accepted after a second", what)
					return
				}
			}
		}
		dies("a retired key", here.Service.RetireKey(ctx, wallettest.Operator, 2, 1),
			func() *wallettest.Answer { return there.Send("", "GET", clientPath, wallettest.SignedBy(old)) })
		dies("a revoked certificate", here.Service.RevokeCertificate(ctx, wallettest.Operator, 2, pki.Fingerprint(x)),
			func() *wallettest.Answer { return there.Send(wallettest.Anonymous, "GET", clientPath, byTLS) })
		expect(t, there.Send("", "GET", clientPath, fresh), 200, "")
		_, err = here.Service.Revoke(ctx, wallettest.Operator, service.Revocation{ClientID: 2}, true)
		dies("a revoked client", err, func() *wallettest.Answer { return there.Send("", "GET", clientPath, fresh) })
		_, err = here.Service.Revoke(ctx, wallettest.Operator, service.Revocation{ClientID: 1}, true)
		dies("a revoked client's token", err, func() *wallettest.Answer { return there.Send("token:1234", "GET", projectsPath) })
	})
}

// An app is launched, and its devices register all at once, on PostgreSQL at two servers: everyone gets
// credentials of its own, which work at either.
func TestDevicesRegisterAllAtOnce(t *testing.T) {
	const devices = 100
	wallettest.Addresses(t, func(t *testing.T, address string) {
		servers := []*wallettest.Server{wallettest.NewServer(t, address)}
		if address[:8] == "postgres" {
			servers = append(servers, wallettest.NewServer(t, address))
		}
		var launch sync.WaitGroup
		var distinct sync.Map
		for i := range devices {
			launch.Go(func() {
				here, there := servers[i%len(servers)], servers[(i+1)%len(servers)]
				client := walletapi.Client{BaseURL: here.URL, Auth: here.Credentials("app"), Now: here.Wall.Now}
				body := fmt.Sprintf(`{"type":"app_client","info":{"device_id":"d-%d"}}`, i)
				answer, err := client.Do(context.Background(), walletapi.Call{Method: "POST", Target: clientPath, Body: []byte(body)})
				var made walletapi.ClientInfo
				if err == nil {
					err = answer.Decode(&made)
				}
				if err != nil {
					t.Errorf("device %d: %v", i, err)
					return
				}
				distinct.Store(made.ID, true)
				own := walletapi.Client{BaseURL: there.URL, Auth: walletapi.MAC{ID: made.Credentials.AccessToken, Secret: made.Credentials.MACKey}, Now: there.Wall.Now}
				if answer, err := own.Do(context.Background(), walletapi.Call{Method: "GET", Target: clientPath}); err != nil || answer.Status != http.StatusOK {
					t.Errorf("device %d is not known at the other server: %v %+v", i, err, answer)
				}
			})
		}
		launch.Wait()
		n := 0
		distinct.Range(func(any, any) bool { n++; return true })
		if n != devices {
			t.Errorf("%d different clients for %d devices", n, devices)
		}
	})
}
