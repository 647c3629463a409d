/* Notifications on this device: asks the browser only after the press on "Turn on", marks this
   browser in the list, and ends its registration at sign-out. Without it all else works. */

const part = document.querySelector("#devices-here");
const can = "serviceWorker" in navigator && "PushManager" in window && "Notification" in window;
const patience = (promise) => Promise.race([promise, new Promise((done) => setTimeout(done, 2000))]);

async function subscription() {
  const registration = can && await navigator.serviceWorker.getRegistration("/");
  return registration ? registration.pushManager.getSubscription() : null;
}

async function fingerprint(endpoint) { // as notifications/contacts/devices.py counts it
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(endpoint));
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

const bytes = (text) => // Safari takes no text
  Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (each) => each.charCodeAt(0));

async function turnOn(form) { // true: on its way; false: the person said no, or not now
  if (await Notification.requestPermission() !== "granted") return false; // first: Safari wants the press
  await navigator.serviceWorker.register("/sw.js", { scope: "/" });
  const { pushManager } = await navigator.serviceWorker.ready;
  const options = { userVisibleOnly: true, applicationServerKey: bytes(part.dataset.key) };
  const made = await pushManager.subscribe(options).catch((error) => {
    if (error.name !== "InvalidStateError") throw error; // else: subscribed for another key
    return pushManager.getSubscription().then((old) => old.unsubscribe()).then(() => pushManager.subscribe(options));
  });
  const { endpoint, keys } = made.toJSON();
  Object.assign(form.elements.endpoint, { value: endpoint });
  form.elements.p256dh.value = keys.p256dh;
  form.elements.auth.value = keys.auth;
  form.submit();
  return true;
}

function show(state) { // one of: unable, install, denied, failed, offer, on
  for (const each of part.querySelectorAll("[data-state]")) each.hidden = each.dataset.state !== state;
}

async function state() {
  const isApple = /iPhone|iPad/.test(navigator.userAgent);
  if (!can || !part.dataset.key) return isApple && part.dataset.key ? "install" : "unable";
  if (Notification.permission === "denied") return "denied";
  const made = await subscription();
  const mark = made && await fingerprint(made.endpoint);
  const row = mark && document.querySelector(`[data-device="${mark}"]`);
  if (!row) return "offer";
  row.querySelector("[data-here]").hidden = false;
  return "on";
}

const isCard = part?.matches(".nudge"); // elsewhere than in the settings, after a useful moment

function offer() {
  if (isCard && can && Notification.permission === "default") part.hidden = false;
}

part?.addEventListener("submit", (event) => {
  if (!event.target.elements.endpoint) return; // "Not now"
  event.preventDefault();
  event.target.setAttribute("aria-busy", "true");
  turnOn(event.target).then((done) => done || refused("offer"), () => refused("failed"));
});

if (part && !isCard) state().then(show, () => show("unable"));
if (document.querySelector(".flash, .letter .done-line")) offer();
document.addEventListener("htmx:afterRequest", ({ detail: { successful, pathInfo } }) =>
  successful && /(confirm|accept)\/$/.test(pathInfo.requestPath) && offer());

function refused(instead) { // the words take the button's place, and the focus with it
  part.querySelector("form").removeAttribute("aria-busy");
  show(Notification.permission === "denied" ? "denied" : instead);
  part.querySelector("[data-state]:not([hidden])").focus();
}

// Signing in, too, tells which browser this is: whoever was here before hears no more in it.
for (const form of document.querySelectorAll("[data-sign-in], [data-sign-out]")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const made = await patience(subscription()).catch(() => null);
    if (made) {
      form.elements.endpoint.value = made.endpoint;
      if ("signOut" in form.dataset) await patience(made.unsubscribe()).catch(() => {});
    }
    form.submit();
  });
}
