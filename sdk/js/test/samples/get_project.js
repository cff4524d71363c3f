// Management of projects: get a project by its id.
const api = clientOf("shop");

// --- the sample ---
async function getProjectInfo(projectId) {
const project = await api.getProject(projectId);
console.log(`Project: ${project.title}`);
console.log(`Owner: ${project.owner_display_name}`);
console.log(`Wallet ID: ${project.wallet_id}`);
return project;
}
// Usage
const project = await getProjectInfo(1221);
// --- the end of the sample ---

assert.equal(project.wallet_id, 2112);
assert.deepEqual(printed(), ["Project: My E-Commerce Store", "Owner: John's Company Ltd", "Wallet ID: 2112"]);
