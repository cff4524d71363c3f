// Quick start of a back end.

// --- the sample ---
const client = new PayseraClient({
clientId: 'your_client_id',
macKey: 'your_mac_key'
});
// Get current client info
const info = await client.getClientInfo();
console.log(info.permissions);
// --- the end of the sample ---

assert.ok(info.permissions.includes("use_wallet_api"));
assert.equal(printed()[0], String(info.permissions));
