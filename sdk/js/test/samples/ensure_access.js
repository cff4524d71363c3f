// Best practice 3: make sure of the access to a project.
const api = userOf(1234);
const rest = { payments: [{ description: "Order 88", price: 2599, currency: "EUR" }] };

// --- the sample ---
async function ensureProjectAccess(projectId) {
const projects = await api.getUserProjects('me');
const hasAccess = projects.some(p => p.id === projectId);
if (!hasAccess) {
throw new Error(
`No access to project ${projectId}. ` +
`Available projects: ${projects.map(p => p.id).join(', ')}`
);
}
}
// Before using project
await ensureProjectAccess(1221);
await api.createPayment({ project_id: 1221, ... });
// --- the end of the sample ---

await assert.rejects(ensureProjectAccess(1300), {
  message: "No access to project 1300. Available projects: 123, 1221, 1222, 1223",
});
for await (const transaction of clientOf("shop").transactions({ limit: 1 })) {
  assert.equal(transaction.project_id, 1221);
  assert.equal(transaction.payments[0].price_decimal, "25.99");
  break;
}
