"""Every call of the sandbox and every way to be refused, with Python's standard library alone.

Usage: python3 every_call.py [FOLDER], where FOLDER is the data folder of a running `purser dev`.
It ends with status 1 at the first answer that is not as documented.
"""
import base64, hashlib, hmac, http.client, json, secrets, ssl, sys, time, urllib.parse

folder = sys.argv[1] if len(sys.argv) > 1 else "purser-data"
sandbox = json.load(open(folder + "/sandbox.json"))
host, port = urllib.parse.urlsplit(sandbox["base_url"]).netloc.split(":")
clients = {c["name"]: c for c in sandbox["clients"]}
shop, manager, app, device, reader = (
    (clients[name]["id"], clients[name]["mac_key"]) for name in ("shop", "two-shops", "app", "device", "second-shop"))
john, paula = (next((t["access_token"], t["mac_key"]) for t in sandbox["tokens"] if t["user"] == user) for user in (1234, 5678))


def connect(certificate):
    """A connection over plain HTTP, or over TLS with the shop's client certificate."""
    if not certificate:
        return http.client.HTTPConnection(host, int(port))
    context = ssl.create_default_context(cafile=sandbox["tls_ca"])
    context.load_cert_chain(clients["shop"]["certificate"], clients["shop"]["private_key"])
    over_tls = urllib.parse.urlsplit(sandbox["tls_base_url"])
    return http.client.HTTPSConnection(over_tls.hostname, over_tls.port, context=context)


def call(method, target, who=None, ext="", body=b"", sent=None, ts=None, nonce=None, key=None, certificate=False, context=None, form=False):
    """One request; `sent` is a body other than the one that is signed, `context` are headers that go with a certificate."""
    headers = dict(context or {})
    if form:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    if isinstance(body, (dict, list)):
        body = json.dumps(body).encode()
    if who:
        ts, nonce = ts or str(int(time.time())), nonce or secrets.token_hex(16)
        if body:
            digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
            ext = "body_hash=" + digest.replace("+", "%2B").replace("/", "%2F").replace("=", "%3D") + ("&" + ext if ext else "")
        text = "".join(part + "\n" for part in (ts, nonce, method, target, host, port, ext))
        mac = base64.b64encode(hmac.new((key or who[1]).encode(), text.encode(), hashlib.sha256).digest()).decode()
        headers["Authorization"] = f'MAC id="{who[0]}", ts="{ts}", nonce="{nonce}", mac="{mac}", ext="{ext}"'
    connection = connect(certificate)
    connection.request(method, target, body=body if sent is None else sent, headers=headers)
    answer = connection.getresponse()
    assert answer.getheader("Content-Type") == "application/json", answer.getheader("Content-Type")
    return answer.status, json.loads(answer.read()), answer.getheader("paysera-correlation-id")


def download(path):
    """One of the two files that are not JSON."""
    connection = connect(False)
    connection.request("GET", path)
    answer = connection.getresponse()
    return answer.status, {"type": answer.getheader("Content-Type"), "content": answer.read()}


def expect(story, answer, status, check=lambda body: True):
    good = answer[0] == status and check(answer[1])
    print("ok  " if good else "BAD ", answer[0], story, "" if status == 200 else "-> " + answer[1].get("error", "?"))
    if not good:
        sys.exit(json.dumps(answer[1], indent=2))


def refused(code):
    return lambda body: body["error"] == code and body["error_description"]


R = "/rest/v1"
expect("server time", call("GET", R + "/server"), 200, lambda b: abs(b["time"] - time.time()) < 5)
expect("configuration", call("GET", R + "/configuration"), 200, lambda b: b["minimum_password_length"] == 8)
expect("currencies", call("GET", R + "/currencies", shop), 200, lambda b: "EUR" in b)
expect("own client", call("GET", R + "/client", shop), 200, lambda b: b["type"] == "private_client" and b["project"]["id"] == 1221)
expect("project", call("GET", R + "/project/1221", shop), 200, lambda b: b["title"] == "My E-Commerce Store" and b["wallet_id"] == 2112)
expect("my projects", call("GET", R + "/user/me/projects?fields=wallet", john), 200,
       lambda b: [p["id"] for p in b] == [123, 1221, 1222, 1223] and b[1]["wallet"]["account"]["number"])
expect("projects of user 1234", call("GET", R + "/user/1234/projects", john), 200, lambda b: len(b) == 4)
expect("wallet", call("GET", R + "/wallet/2112", shop), 200, lambda b: b["owner"] == 1235)
expect("my wallet", call("GET", R + "/wallet/me", john), 200, lambda b: b["id"] == 2110)
expect("balance in the name of project 1221", call("GET", R + "/wallet/14471/balance", shop, ext="project_id=1221"), 200,
       lambda b: b["EUR"]["at_disposal_decimal"] == "1000.00")
expect("the same in dollars", call("GET", R + "/wallet/14471/balance?convert_to=USD", shop), 200, lambda b: b["EUR"]["converted"]["at_disposal"] == 108750)
expect("whether it is enough", call("GET", R + "/wallet/14471/sufficient-amount?amount=2500&currency=EUR", shop), 200, lambda b: b["is_sufficient"])
expect("a balance to print", call("GET", R + "/wallet/14471/receipt/balance?locale=lt&width=30", shop), 200, lambda b: "Likutis" in b["text"])
expect("whose wallet it is", call("GET", R + "/wallet?phone=37060005678", shop), 200, lambda b: b["id"] == 14471)
expect("its barcode", call("GET", R + "/wallet/barcode?id=14471", shop), 200, lambda b: b["barcode"] == "EVP000000014471")
expect("an address book", call("GET", R + "/wallets?email_hash=" + hashlib.sha1(b"paula@example.com").hexdigest() + ",none", shop), 200, lambda b: len(b) == 1)
expect("what 100 euros are worth", call("GET", R + "/currency-conversion?from_currency=EUR&to_currency=USD&from_amount_decimal=100", shop), 200,
       lambda b: b["to_amount"] == 10875)
expect("they have become dearer", call("POST", R + "/currency-conversion", paula, body={
    "from_currency": "EUR", "to_currency": "USD", "from_amount_decimal": "100", "account_number": "EVP000000014471", "min_to_amount": 10876}), 409,
       refused("expectation_failed"))
expect("describe a wallet", call("PUT", R + "/wallet/me", paula, body={"description": "Savings"}), 200, lambda b: b["account"]["description"] == "Savings")
expect("or not", call("DELETE", R + "/wallet/me/description", paula), 200, lambda b: "description" not in b["account"])
expect("places near 54.6, 25.2", call("GET", R + "/locations?lat=54.6&lng=25.2&distance=1000"), 200,
       lambda b: [p["id"] for p in b["locations"]] == [456] and set(b) == {"locations", "_metadata"})
expect("pay categories in Lithuanian", call("GET", R + "/locations/pay-categories?locale=lt"), 200, lambda b: b[0]["title"] == "Maistas")
expect("places of place 456's project", call("GET", R + "/client/locations", shop, ext="location_id=456"), 200, lambda b: [p["id"] for p in b] == [456])

info = {"device_id": "d-" + secrets.token_hex(4), "os": "Android 15", "model": "Pixel 9", "app_version": "2.0"}
registered = call("POST", R + "/client", app, body={"type": "app_client", "info": info})
expect("a device registers", registered, 200, lambda b: b["info"] == info and len(b["credentials"]["mac_key"]) == 32)
phone, number = (registered[1]["credentials"]["access_token"], registered[1]["credentials"]["mac_key"]), str(registered[1]["id"])
expect("it calls with its own credentials", call("GET", R + "/client", phone), 200,
       lambda b: b["type"] == "app_client" and "mac_key" not in b["credentials"])
expect("it sees its project", call("GET", R + "/project/1221", phone), 200)
expect("the same phone again", call("POST", R + "/client", app, body={"info": info, "type": "app_client"}), 200, lambda b: str(b["id"]) != number)
expect("both stand in the list", call("GET", R + "/clients?info[device_id]=" + info["device_id"], manager), 200,
       lambda b: b["_metadata"]["total"] == 2 and str(b["clients"][1]["same_device"][0]) == number)
expect("the first page of clients", call("GET", R + "/clients?limit=1&type=private_client", manager), 200,
       lambda b: len(b["clients"]) == 1 and set(b) == {"clients", "_metadata"})
expect("a client of one's projects", call("GET", R + "/client/3", manager), 200, lambda b: b["id"] == 3)
expect("its rights on wallets", call("GET", R + "/client/1/permissions-to-wallets", shop), 200, lambda b: b[0]["wallet"]["id"] == 14471)
expect("the status of a device", call("GET", R + "/client/info/" + number + "/status", app), 200, lambda b: b == {"status": "active"})
expect("its application does not see what it said", call("GET", R + "/client/" + number, app), 200, lambda b: "info" not in b)
expect("an application changes its device", call("PUT", R + "/client/" + number, app, body={"title": "Till 4"}), 200, lambda b: b["title"] == "Till 4")
expect("but not what it may do", call("PUT", R + "/client/" + number, app, body={"permissions": {"1": "use_wallet_api"}}), 400, refused("invalid_parameters"))
expect("a private client does", call("PUT", R + "/client/" + number, manager, body={"permissions": {"1": "use_wallet_api"}}), 200,
       lambda b: b["permissions"] == ["use_wallet_api"])
expect("what a change leaves out stays", call("PUT", R + "/client/" + number, manager, body=[]), 200, lambda b: b["title"] == "Till 4")
expect("a client certificate", call("GET", R + "/client", certificate=True), 200, lambda b: b["id"] == 1)
expect("a balance in the name of project 1221", call("GET", R + "/wallet/14471/balance", certificate=True, context={"Wallet-Api-Project-Id": "1221"}), 200,
       lambda b: b["EUR"]["at_disposal"] == 100000)
expect("the authority", download("/ca"), 200, lambda f: f["type"] == "application/x-pem-file" and f["content"].startswith(b"-----BEGIN CERTIFICATE"))
expect("what it revoked", download("/crl/1"), 200, lambda f: f["type"] == "application/pkix-crl" and f["content"])

# People: a phone signs Paula in, its tokens change twice, and it gives them back.
payer = next(u for u in sandbox["users"] if u["id"] == 5678)


def token(who, **form):
    """The token endpoint takes forms, as the documented clients send them, and JSON."""
    return call("POST", "/oauth/v1/token", who, body=urllib.parse.urlencode(form).encode(), form=True)


def credentials(answer):
    return answer[1]["access_token"], answer[1]["mac_key"]


# Money: a till asks for it, Paula pays by each of her proofs, and the till takes it, gives it back or lets it go.
tea = {"description": "Tea", "price": 250, "currency": "EUR"}


def ask(**how):
    """A new transaction of one payment; returns its path and the payment's."""
    made = call("POST", R + "/transaction", shop, body={"payments": [{**tea, **how}]})
    expect("a till asks for money", made, 200, lambda b: b["status"] == "new" and b["payments"][0]["price_decimal"] == "2.50")
    return R + "/transaction/" + made[1]["transaction_key"], R + "/payment/" + str(made[1]["payments"][0]["id"])


def is_now(status):
    return lambda b: b["status"] == status


asked, cup = ask()
expect("Paula looks at it", call("GET", asked + "?fields=project", paula), 200, lambda b: b["project"]["title"])
expect("how she may pay", call("GET", asked + "/type/me", paula), 200, lambda b: "pin" in b and "mobile_app" in b)
expect("she pays in her app", call("PUT", asked + "/reserve/me", paula), 200, is_now("reserved"))
expect("the till takes the money", call("PUT", asked + "/confirm", shop, body=[]), 200, is_now("confirmed"))
expect("the payment is done", call("GET", cup, shop), 200, is_now("done"))
expect("what she agreed to tell", call("GET", asked + "/inquired-information", shop), 200, lambda b: b == {"items": []})
asked, cup = ask(freeze_for=24)
expect("by PIN", call("PUT", asked + "/reserve/14471", shop, body={"pin": payer["pin"]}), 200, is_now("reserved"))
expect("for less", call("PUT", asked + "/confirm", shop, body={cup.split("/")[-1]: {"price": 200, "currency": "EUR"}}), 200, is_now("confirmed"))
expect("frozen for longer", call("PUT", cup + "/freeze", shop, body={"freeze_for": 48}), 200, lambda b: b["cancelable"] and b["freeze_until"])
expect("given back", call("DELETE", cup, shop), 200, is_now("canceled"))
asked, cup = ask(freeze_for=24, password={"type": "provided", "value": "s3cret", "optional": True})
code = call("POST", R + "/wallet/me/code", paula)
expect("a code to read out", code, 200, lambda b: len(b["code"]) == 12)
expect("by that code", call("PUT", asked + "/reserve", shop, body={"code": code[1]["code"]}), 200, is_now("reserved"))
expect("the password of the payment", call("PUT", cup + "/password", shop, body={"password": "s3cret"}), 200, lambda b: b["password"]["status"] == "unlocked")
expect("taken", call("PUT", asked + "/confirm", shop), 200, is_now("confirmed"))
expect("and finalized", call("PUT", cup + "/finalize", shop), 200, is_now("done"))
asked, cup = ask()
expect("a code is sent", call("PUT", asked + "/flash/14471", shop), 200, is_now("waiting"))
asked, cup = ask()
expect("sent to her number", call("POST", asked + "/flash", shop, body={"payer": {"phone": payer["phone"]}}), 200, is_now("waiting"))
expect("somebody is asked to pay", call("POST", asked + "/request", shop, body={"phone": "37066612345"}), 200, lambda b: b["phone"] == "37066612345")
expect("taken back", call("DELETE", asked, shop), 200, is_now("revoked"))
single = call("POST", R + "/payment", shop, body={**tea, "beneficiary": {"email": "jonas@example.com"}})
expect("one payment", single, 200, lambda b: b["beneficiary"] == {"email": "jonas@example.com"})
expect("her money waits for Jonas", call("PUT", R + "/transaction/" + single[1]["transaction_key"] + "/reserve/me", paula), 200, is_now("waiting_registration"))
expect("she takes it back", call("DELETE", R + "/wallet/me/pending-payment/" + str(single[1]["id"]), paula), 200)
expect("what was asked for", call("GET", R + "/transactions?status=confirmed&limit=2", shop), 200, lambda b: b["_metadata"]["total"] == 3)
expect("payments", call("GET", R + "/payments?status=done", shop), 200, lambda b: len(b["payments"]) == 2)
expect("their numbers", call("GET", R + "/payments/id?status=canceled", shop), 200, lambda b: len(b) == 1)
expect("another one's wallet", call("PUT", ask()[0] + "/reserve/2110", paula), 403, refused("no_rights"))
expect("a price in two forms", call("POST", R + "/payment", shop, body={**tea, "price_decimal": "2.50"}), 400, refused("invalid_parameters"))
expect("nothing is reserved", call("PUT", ask()[0] + "/confirm", shop), 409, refused("invalid_state"))

password = {"grant_type": "password", "username": payer["email"], "password": payer["password"]}
first = token(device, **password, scope="email phone address identity user_info wallet_list balance")
expect("a phone signs a user in", first, 200, lambda b: b["token_type"] == "mac" and b["expires_in"] == 3600 and b["refresh_token"])
user = credentials(first)
expect("who that is", call("GET", R + "/user/me", user), 200, lambda b: b["id"] == 5678 and b["identity"]["surname"] and "dob" not in b)
for part, check in {
    "email": lambda b: b == payer["email"], "phone": lambda b: b == payer["phone"], "address": lambda b: b["country"] == "lt",
    "identity": lambda b: b["nationality"] == "lt", "wallets": lambda b: b[0]["id"] == 14471,
}.items():
    expect("the user's " + part, call("GET", R + "/user/me/" + part, user), 200, check)
expect("what the user did not agree to", call("GET", R + "/user/me/confirmed-phones", user), 403, refused("forbidden"))
expect("nor to this", call("GET", R + "/user/me/pes", user), 403, refused("forbidden"))
expect("a user by e-mail address", call("GET", R + "/user?email=" + payer["email"], shop), 200, lambda b: b["id"] == 5678)
second = token(device, grant_type="refresh_token", refresh_token=first[1]["refresh_token"])
expect("a refresh", second, 200, lambda b: b["refresh_token"] != first[1]["refresh_token"])
third = token(device, grant_type="refresh_token_with_activation", refresh_token=second[1]["refresh_token"])
expect("a refresh that waits", third, 200)
expect("until it is activated", call("GET", R + "/user/me", credentials(third)), 401, refused("unauthorized"))
expect("the activation", call("PUT", "/oauth/v1/tokens/" + third[1]["access_token"] + "/activate", device), 200,
       lambda b: b["refresh_token"] == third[1]["refresh_token"])
expect("the new pair", call("GET", R + "/user/me", credentials(third)), 200)
expect("the end of it", call("DELETE", "/oauth/v1/token?access_token=" + third[1]["access_token"], device), 200, lambda b: b == {})
expect("after the end", call("GET", R + "/user/me", credentials(third)), 401, refused("unauthorized"))
expect("its refresh token", token(device, grant_type="refresh_token", refresh_token=third[1]["refresh_token"]), 400,
       lambda b: b["error"] == "invalid_grant" and b["error_description"] == "Refresh token status invalid")
expect("no refresh token", token(device, grant_type="refresh_token", refresh_token="x" * 32), 400,
       lambda b: b["error_description"] == "No such refresh token")
expect("a wrong password", token(device, **{**password, "password": "not it"}), 400, refused("invalid_grant"))
expect("an unknown scope", token(device, **password, scope="everything"), 400, refused("invalid_scope"))
expect("another grant", token(device, grant_type="client_credentials"), 400, refused("unsupported_grant_type"))
expect("a code that nobody was given", token(shop, grant_type="authorization_code", code="x", redirect_uri="https://shop.example/pay"), 400, refused("invalid_grant"))
expect("a prepared page", call("POST", "/oauth/v1/session", shop, body={
    "response_type": "code", "redirect_uri": "https://shop.example/pay", "scope": "email", "user": {"email": payer["email"]}}), 200, lambda b: b["key"])
contact = "jonas." + secrets.token_hex(4) + "@example.com"
jonas = call("POST", R + "/user", shop, body={"email": contact, "credentials": {"type": "main-password", "password": "seven kind otters"}})
expect("a user is registered", jonas, 200, lambda b: b["email"] == contact)
expect("a wrong code", call("PUT", R + f"/user/{jonas[1]['id']}/email/confirm", shop, body={"code": "not it"}), 400, refused("invalid_code"))
expect("an easy password", call("POST", R + "/user", shop, body={"email": contact, "credentials": {"type": "main-password", "password": "password1"}}), 400,
       refused("password_too_risky"))
expect("somebody who has an account", call("POST", R + "/user", shop, body={
    "email": payer["email"], "credentials": {"type": "main-password", "password": "seven kind otters"}}), 409, refused("user_already_exists"))
expect("a forgotten password", call("POST", R + "/user/password/reset", device, body={"email": contact}), 200, lambda b: b["id"] >= 10 ** 9)
expect("who administers a project", call("POST", R + "/project/1221/administrators", john, body={"email": contact}), 200,
       lambda b: contact in [i["contact"] for i in b["invitations"]])

nonce = secrets.token_hex(16)
expect("a wrong key", call("GET", R + "/project/1221", shop, key="not the key"), 401, refused("unauthorized"))
expect("first use of a nonce", call("GET", R + "/project/1221", shop, nonce=nonce), 200)
expect("a replay", call("GET", R + "/project/1221", shop, nonce=nonce), 401, refused("unauthorized"))
expect("a changed body", call("GET", R + "/project/1221", shop, body=b'{"a":1}', sent=b'{"a":2}'), 401, refused("unauthorized"))
expect("a clock ten minutes slow", call("GET", R + "/project/1221", shop, ts=str(int(time.time()) - 600)), 401,
       lambda b: b["error"] == "invalid_timestamp" and b["error_description"] == "Timestamp lifetime exceeded")
expect("a clock ten minutes fast", call("GET", R + "/project/1221", shop, ts=str(int(time.time()) + 600)), 401,
       lambda b: b["error"] == "invalid_timestamp" and "Timestamp is in future" in b["error_description"])
expect("an unknown route", call("GET", R + "/nothing/here", shop), 404, refused("not_found"))
expect("a body of 2 MiB", call("POST", R + "/client", shop, body=b"x" * (2 << 20)), 413, refused("request_too_large"))
expect("no signature", call("GET", R + "/project/1221"), 401, refused("unauthorized"))
expect("a wrong method", call("DELETE", R + "/project/1221", shop), 405, refused("method_not_allowed"))
expect("a project that does not exist", call("GET", R + "/project/77", shop), 404, refused("not_found"))
expect("a project out of reach", call("GET", R + "/project/1300", shop), 403, refused("forbidden"))
expect("a place out of reach", call("GET", R + "/client", reader, ext="location_id=101"), 403, refused("forbidden"))
missing = call("GET", R + "/project/1221", reader)
expect("a project of others", missing, 403, refused("forbidden"))
expect("why", call("GET", R + "/refusal/" + missing[2], reader), 200,
       lambda b: b["refused"] == "represents_project" and b["needs"] == [{"kind": "project", "id": 1221, "description": "a client that represents project 1221"}])
expect("why, to who looks after the project", call("GET", R + "/refusal/" + missing[2], shop), 200)
expect("why, to a device", call("GET", R + "/refusal/" + missing[2], device), 404, refused("not_found"))
expect("a device reads another", call("GET", R + "/client/" + number, device), 403, refused("forbidden"))
expect("a device registers a device", call("POST", R + "/client", device, body={"type": "app_client"}), 403, refused("forbidden"))
expect("an application lists clients", call("GET", R + "/clients", app), 403, refused("forbidden"))
expect("a client changes itself", call("PUT", R + "/client/2", manager, body={"title": "Mine"}), 403, refused("forbidden"))
expect("a permission that one does not have", call("PUT", R + "/client/3", manager, body={"permissions": ["accept_with_pin"]}), 403, refused("forbidden"))
expect("fields that cannot be", call("PUT", R + "/client/3", manager, body={"title": 7, "hosts": [{"host": "shop.example", "port": 0.5}]}), 400,
       lambda b: set(b["error_properties"]) == {"title", "hosts[0].port"})
expect("a body that is no object", call("POST", R + "/client", app, body=b"type=app_client"), 400, refused("invalid_request"))
expect("a client that does not exist", call("GET", R + "/client/999999", shop), 404, refused("not_found"))
expect("a header that is no number", call("GET", R + "/wallet/me", certificate=True, context={"Wallet-Api-Project-Id": "first"}), 400,
       lambda b: set(b["error_properties"]) == {"project_id"})
repeated = secrets.token_hex(16)
expect("a device registers once", call("POST", R + "/client", app, body={"type": "app_client"}, nonce=repeated), 200)
expect("its request again", call("POST", R + "/client", app, body={"type": "app_client"}, nonce=repeated), 401, refused("unauthorized"))
expect("what is not offered", call("GET", R + "/cards", shop), 404, refused("not_found"))
print("every answer is as documented")
