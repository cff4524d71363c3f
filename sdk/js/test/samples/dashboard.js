// Scenario 2: a dashboard of several projects.
const api = userOf(1234);
await pay(1250, 1222);

// --- the sample ---
class ProjectDashboard {
async loadProjects() {
this.projects = await api.getUserProjects('me');
}
async getProjectStats(projectId) {
const stats = await api.request('/stats', {
headers: { 'Wallet-Api-Project-Id': projectId }
});
return {
project: this.projects.find(p => p.id === projectId),
stats: stats
};
}
async getAllStats() {
return await Promise.all(
this.projects.map(p => this.getProjectStats(p.id))
);
}
}
// --- the end of the sample ---

const dashboard = new ProjectDashboard();
await dashboard.loadProjects();
const stats = await dashboard.getAllStats();
assert.deepEqual(stats.map((entry) => entry.project.id), [123, 1221, 1222, 1223]);
for (const { project, stats: figures } of stats) assert.equal(figures._metadata.project_id, project.id);
const euros = stats[2].stats.stats.find((line) => line.currency === "EUR");
assert.ok(euros.paid.count > 0, JSON.stringify(euros));
