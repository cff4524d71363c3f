// Best practice 4: store the configuration. The key is not in it: it is in the environment.
process.env.PURSER_MAC_KEY = credentials("shop").macKey;

// --- the sample ---
// config.json
{
"production": {
"project_id": 1221,
"wallet_id": 2112,
"client_id": "your_client_id"
}
}
// Load configuration
const config = require('./config.json').production;
const client = new PayseraClient({
clientId: config.client_id,
projectId: config.project_id
});
// --- the end of the sample ---

const wallet = await client.getWallet("me");
assert.equal(wallet.id, config.wallet_id);
delete process.env.PURSER_MAC_KEY;
assert.throws(() => new PayseraClient({ clientId: config.client_id }), /needs a macKey/);
