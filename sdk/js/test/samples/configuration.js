// Management of projects: the configuration of a new integration.

// --- the sample ---
const config = {
projectId: 1221,
clientId: 'your_client_id',
macKey: 'your_mac_key',
walletId: 2112
};
// --- the end of the sample ---

const { projectId, clientId, macKey, walletId } = config;
const project = await new PayseraClient({ clientId, macKey, projectId }).getProject(projectId);
assert.equal(project.wallet_id, walletId);
