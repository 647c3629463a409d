/* Shows a push, and opens our page when it is pressed. What comes says only that there is a
   message; should it be unreadable, the same is said from here. Nothing is kept in caches. */
"use strict";

const NEUTRAL = { title: "DentaMind", body: "You have a new message. Sign in to read it.", tag: "dm", url: "/m" };
const DEVICES = "/notifications/settings/devices/";
const CENTRE = "/notifications/";

function read(data) {
  try { return { ...NEUTRAL, ...data.json() }; } catch { return NEUTRAL; }
}

self.addEventListener("push", (event) => {
  const { title, body, tag, url } = read(event.data);
  const icon = "/favicon.ico";
  event.waitUntil(self.registration.showNotification(title || NEUTRAL.title, { body, tag, icon, data: { url } }));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(open(event.notification.data?.url));
});

async function open(path) { // a page of ours, whatever was asked for; one that is open comes forward
  const url = new URL(path || NEUTRAL.url, location.origin);
  const ours = url.origin === location.origin ? url : new URL(NEUTRAL.url, location.origin);
  const windows = await clients.matchAll({ type: "window", includeUncontrolled: true });
  const centre = windows.find((each) => new URL(each.url).pathname === CENTRE);
  return centre ? centre.focus() : clients.openWindow(ours.href);
}

/* Browsers change a subscription by themselves now and then: the new one takes the old one's
   place. Signed out, nothing happens; the settings page offers to turn it on again. */
self.addEventListener("pushsubscriptionchange", (event) => event.waitUntil(renew(event)));

const bytes = (text) => // Safari takes no text
  Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (each) => each.charCodeAt(0));

async function renew({ oldSubscription, newSubscription }) {
  const asked = await fetch(DEVICES, { headers: { Accept: "application/json" }, redirect: "manual" });
  if (!asked.ok) return;
  const { key, csrf } = await asked.json();
  const options = { userVisibleOnly: true, applicationServerKey: bytes(key) };
  const subscription = newSubscription ?? await self.registration.pushManager.subscribe(options);
  await fetch(DEVICES, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-CSRFToken": csrf },
    body: JSON.stringify({ ...subscription.toJSON(), old: oldSubscription?.endpoint ?? "" }),
  });
}
