// Troubleshooting: "Forbidden".
const api = userOf(1234);
await assert.rejects(api.getProject(1300), { code: "forbidden", status: 403 });

// --- the sample ---
// Check if project_id matches client's project
const clientInfo = await api.getClient();
const projects = await api.getUserProjects('me');
console.log('Client projects:', projects.map(p => p.id));
// --- the end of the sample ---

assert.equal(clientInfo.type, "private_client");
assert.equal(clientInfo.project.id, 1221);
assert.deepEqual(printed(), ["Client projects: 123,1221,1222,1223"]);
