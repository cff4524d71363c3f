// Management of projects: the projects that a user administers.
const api = userOf(1234);

// --- the sample ---
async function getUserProjects(userId = 'me') {
const projects = await api.getUserProjects(userId);
console.log(`Found ${projects.length} projects:`);
projects.forEach(p => {
console.log(`- ${p.title} (ID: ${p.id})`);
});
return projects;
}
// Usage with access token
const myProjects = await getUserProjects('me');
// Usage with specific user ID
const userProjects = await getUserProjects(1234);
// --- the end of the sample ---

const ids = [123, 1221, 1222, 1223];
assert.deepEqual(myProjects.map((project) => project.id), ids);
assert.deepEqual(userProjects, myProjects);
assert.deepEqual(printed().slice(0, 3), ["Found 4 projects:", "- My Kiosk (ID: 123)", "- My E-Commerce Store (ID: 1221)"]);
