"""A signed call to the sandbox with nothing but Python's standard library.

Run it from the folder in which `purser dev` was started.
"""
import base64, hashlib, hmac, json, secrets, time, urllib.parse, urllib.request

sandbox = json.load(open("purser-data/sandbox.json"))
client = sandbox["clients"][0]
host, port = urllib.parse.urlsplit(sandbox["base_url"]).netloc.split(":")
ts, nonce, target = str(int(time.time())), secrets.token_hex(16), "/rest/v1/project/1221"
text = "".join(part + "\n" for part in (ts, nonce, "GET", target, host, port, ""))
mac = base64.b64encode(hmac.new(client["mac_key"].encode(), text.encode(), hashlib.sha256).digest()).decode()
request = urllib.request.Request(sandbox["base_url"] + target)
request.add_header("Authorization", f'MAC id="{client["id"]}", ts="{ts}", nonce="{nonce}", mac="{mac}"')
print(urllib.request.urlopen(request).read().decode())
