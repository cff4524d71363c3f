// Scenario 3: switch between projects, and remember which it was.
const api = userOf(1234);
const remembered = new Map();
const storage = { set: async (name, value) => void remembered.set(name, value) };

// --- the sample ---
class ProjectSwitcher {
constructor() {
this.currentProject = null;
}
async switchProject(projectId) {
const projects = await api.getUserProjects('me');
const project = projects.find(p => p.id === projectId);
if (!project) {
throw new Error(`Project ${projectId} not found`);
}
this.currentProject = project;
this.updateUI(project);
await storage.set('selectedProject', projectId);
}
getCurrentProjectId() {
return this.currentProject?.id;
}
}
// --- the end of the sample ---

class Switcher extends ProjectSwitcher {
  updateUI(project) {
    this.title = project.title;
  }
}
const switcher = new Switcher();
assert.equal(switcher.getCurrentProjectId(), undefined);
await switcher.switchProject(1222);
assert.equal(switcher.getCurrentProjectId(), 1222);
assert.equal(switcher.title, "My Second Project");
assert.equal(remembered.get("selectedProject"), 1222);
await assert.rejects(switcher.switchProject(1300), /Project 1300 not found/);
assert.equal(switcher.getCurrentProjectId(), 1222);
