// Troubleshooting: "Project not found".
const api = userOf(1234);
const projectId = 99999;

// --- the sample ---
try {
const project = await api.getProject(projectId);
} catch (error) {
if (error.code === 'not_found') {
console.error('Project not found. Check project ID.');
const available = await api.getUserProjects('me');
console.log('Available projects:', available.map(p => p.id));
}
}
// --- the end of the sample ---

assert.deepEqual(printed(), ["Project not found. Check project ID.", "Available projects: 123,1221,1222,1223"]);
