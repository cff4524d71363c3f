"""Every call of the sandbox and every way to be refused, with Python's standard library alone.

Usage: python3 every_call.py [FOLDER], where FOLDER is the data folder of a running `purser dev`.
It ends with status 1 at the first answer that is not as documented.
"""
import base64, hashlib, hmac, http.client, json, secrets, sys, time, urllib.parse

folder = sys.argv[1] if len(sys.argv) > 1 else "purser-data"
sandbox = json.load(open(folder + "/sandbox.json"))
host, port = urllib.parse.urlsplit(sandbox["base_url"]).netloc.split(":")
shop = (sandbox["clients"][0]["id"], sandbox["clients"][0]["mac_key"])
john = next((t["access_token"], t["mac_key"]) for t in sandbox["tokens"] if t["user"] == 1234)


def call(method, target, who=None, ext="", body=b"", sent=None, ts=None, nonce=None, key=None):
    """One request; `sent` is a body other than the one that is signed."""
    headers = {}
    if who:
        ts, nonce = ts or str(int(time.time())), nonce or secrets.token_hex(16)
        if body:
            digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
            ext = "body_hash=" + digest.replace("+", "%2B").replace("/", "%2F").replace("=", "%3D") + ("&" + ext if ext else "")
        text = "".join(part + "\n" for part in (ts, nonce, method, target, host, port, ext))
        mac = base64.b64encode(hmac.new((key or who[1]).encode(), text.encode(), hashlib.sha256).digest()).decode()
        headers["Authorization"] = f'MAC id="{who[0]}", ts="{ts}", nonce="{nonce}", mac="{mac}", ext="{ext}"'
    connection = http.client.HTTPConnection(host, int(port))
    connection.request(method, target, body=body if sent is None else sent, headers=headers)
    answer = connection.getresponse()
    assert answer.getheader("Content-Type") == "application/json", answer.getheader("Content-Type")
    return answer.status, json.loads(answer.read())


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
expect("places near 54.6, 25.2", call("GET", R + "/locations?lat=54.6&lng=25.2&distance=1000"), 200,
       lambda b: [p["id"] for p in b["locations"]] == [456] and set(b) == {"locations", "_metadata"})
expect("pay categories in Lithuanian", call("GET", R + "/locations/pay-categories?locale=lt"), 200, lambda b: b[0]["title"] == "Maistas")
expect("places of place 456's project", call("GET", R + "/client/locations", shop, ext="location_id=456"), 200, lambda b: [p["id"] for p in b] == [456])

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
expect("what is not offered", call("GET", R + "/cards", shop), 404, refused("not_found"))
print("every answer is as documented")
