// Best practice 1: remember what is known of projects.
let requests = 0;
const api = clientOf("shop", { fetch: (...sent) => (requests++, fetch(...sent)) });

// --- the sample ---
class ProjectCache {
constructor(api, ttl = 3600000) { // 1 hour default
this.api = api;
this.ttl = ttl;
this.cache = new Map();
}
async getProject(projectId) {
const cached = this.cache.get(projectId);
if (cached && Date.now() - cached.timestamp < this.ttl) {
return cached.data;
}
const project = await this.api.getProject(projectId);
this.cache.set(projectId, {
data: project,
timestamp: Date.now()
});
return project;
}
clearCache() {
this.cache.clear();
}
}
// Usage
const cache = new ProjectCache(api);
const project = await cache.getProject(1221); // Fetches from API
const sameProject = await cache.getProject(1221); // Returns from cache
// --- the end of the sample ---

assert.equal(requests, 1);
assert.equal(project.title, "My E-Commerce Store");
assert.equal(sameProject, project);
cache.clearCache();
await cache.getProject(1221);
assert.equal(requests, 2);
