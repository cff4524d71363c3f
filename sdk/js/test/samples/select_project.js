// Best practice 2: handle several projects.
const showProjectSelector = async (projects) => projects.at(-1);
const all = await userOf(1234).getUserProjects("me");

// --- the sample ---
async function selectProject(projects, preferredId = null) {
if (projects.length === 0) {
throw new Error('No projects available');
}
if (projects.length === 1) {
return projects[0];
}
// Try to use preferred project
if (preferredId) {
const preferred = projects.find(p => p.id === preferredId);
if (preferred) return preferred;
}
// Or show selection UI
return await showProjectSelector(projects);
}
// --- the end of the sample ---

assert.equal((await selectProject(all, 1222)).title, "My Second Project");
assert.equal((await selectProject(all, 1300)).id, 1223);
assert.equal((await selectProject(all.slice(0, 1))).id, 123);
await assert.rejects(selectProject([]), /No projects available/);
