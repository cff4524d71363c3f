// Scenario 1: one project.
const api = clientOf("shop");

// --- the sample ---
// Simple setup - hardcode project ID
const PROJECT_ID = 1221;
async function createPayment(orderData) {
return await api.createTransaction({
project_id: PROJECT_ID,
payments: [/* ... */]
});
}
// --- the end of the sample ---

const order = await createPayment({ number: 88 });
assert.equal(order.project_id, PROJECT_ID);
assert.equal(order.status, "new");
assert.equal(order.payments[0].price, 2599);
