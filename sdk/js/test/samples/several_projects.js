// Troubleshooting: several projects, and none of them the main one.
const api = clientOf("two-shops");
const selectedProjectId = 1222;
const unclear = api.createPayment({ payments: [{ description: "Order 88", price: 2599, currency: "EUR" }] });
await assert.rejects(unclear, { code: "invalid_parameters", properties: { project_id: ["must name one of 1221 and 1222"] } });

// --- the sample ---
// Always specify project_id when managing multiple projects
await api.createPayment({
project_id: selectedProjectId, // Always include!
payments: [/* ... */]
});
// --- the end of the sample ---

for await (const transaction of api.inProject(1222).transactions({ limit: 1 })) {
  assert.equal(transaction.project_id, 1222);
  assert.equal(transaction.payments[0].price, 2599);
  break;
}
