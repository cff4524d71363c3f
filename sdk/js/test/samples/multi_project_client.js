// Management of projects: one client, several projects, each balance read in the name of its project.
const { access_token, mac_key } = tokenOf(1234);
const credentials = { clientId: access_token, macKey: mac_key };
await pay(1250, 1222);
const held = (await userOf(1234).getBalance(2113)).amount;
assert.notEqual(held, "0.00");

// --- the sample ---
class MultiProjectClient {
constructor(credentials) {
this.client = new PayseraClient(credentials);
this.projects = [];
}
async initialize() {
// Load all available projects
this.projects = await this.client.getUserProjects('me');
console.log(`Loaded ${this.projects.length} projects`);
}
async getWalletBalance(walletId, projectId) {
// Make request with project_id
return await this.client.request('/wallet/' + walletId + '/balance', {
headers: {
'Wallet-Api-Project-Id': projectId
}
});
}
async getAllProjectBalances() {
const balances = [];
for (const project of this.projects) {
try {
const balance = await this.getWalletBalance(
project.wallet_id,
project.id
);
balances.push({
project: project.title,
wallet_id: project.wallet_id,
balance: balance
});
} catch (error) {
console.error(`Error for project ${project.id}:`, error);
}
}
return balances;
}
}
// Usage
const client = new MultiProjectClient(credentials);
await client.initialize();
const balances = await client.getAllProjectBalances();
balances.forEach(b => {
console.log(`${b.project}: ${b.balance.amount} ${b.balance.currency}`);
});
// --- the end of the sample ---

assert.equal(balances.length, 4);
const second = balances.find((entry) => entry.project === "My Second Project");
assert.equal(second.balance.EUR.at_disposal_decimal, held);
assert.equal(printed()[0], "Loaded 4 projects");
assert.ok(printed().includes(`My Second Project: ${held} EUR`));
assert.ok(printed().every((line) => !line.includes("undefined") && !line.startsWith("Error")));
