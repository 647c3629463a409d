/* Shows that there is a message, and opens our page when that is pressed. A push brings no words:
   they are in WORDS, which the server writes above. Nothing is kept in caches. */
"use strict";

const DEVICES = "/notifications/settings/devices/";
const CENTRE = "/notifications/";
const DOOR = "/m";
const TAG = "dm"; // one note for all: what comes while it is there is counted in it

function read(data) {
  try { return data.json() ?? {}; } catch { return {}; }
}

async function show({ id, lang }) {
  const [before] = await self.registration.getNotifications({ tag: TAG });
  const ids = [...new Set([...(before?.data?.ids ?? []), id ?? "?"])]; // a repeat counts once
  const words = WORDS[lang] ?? WORDS.en;
  const body = ids.length > 1 ? words.many.replace("{count}", ids.length) : words.one;
  const isNew = ids.length > (before?.data?.ids.length ?? 0);
  const look = { body, tag: TAG, renotify: isNew, lang: lang ?? "en", icon: "/static/portal/icon.png", data: { ids } };
  return self.registration.showNotification(words.title || location.host, look);
}

self.addEventListener("push", (event) => event.waitUntil(show(read(event.data))));

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(open());
});

async function open() { // the centre that is open comes forward
  const windows = await clients.matchAll({ type: "window", includeUncontrolled: true });
  const centre = windows.find((each) => new URL(each.url).pathname === CENTRE);
  return centre ? centre.focus() : clients.openWindow(new URL(DOOR, location.origin).href);
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
