// Quick start of a mobile app: a device on its first run.
const applicationClient = clientOf("app");
const deviceId = "d-4711";
let stored;
const storage = { save: async (credentials) => void (stored = credentials) };

// --- the sample ---
// First run - create app_client
const appClient = await applicationClient.createClient({
type: 'app_client',
info: {
device_id: deviceId,
os: 'Android 13',
model: 'Samsung Galaxy S23'
}
});
// Store credentials
await storage.save({
accessToken: appClient.credentials.access_token,
macKey: appClient.credentials.mac_key
});
// --- the end of the sample ---

const device = new PayseraClient({ clientId: stored.accessToken, macKey: stored.macKey });
const info = await device.getClient();
assert.equal(info.id, appClient.id);
assert.equal(info.type, "app_client");
assert.deepEqual(info.info, { device_id: "d-4711", os: "Android 13", model: "Samsung Galaxy S23" });
