/* usePatientNotifications: the live part of the notification centre.

   #center says whose inbox this is. One tab of the browser holds the socket and tells the others
   what it hears. Frames carry numbers only; what is to be shown is a fragment of `sync`. Rows on
   screen never move by themselves: news waits behind the pill. It stops for good on a close code
   44xx; else it tries again after a random 0.5 to 60 s, asks `sync` once a minute after three
   failures, and rests while hidden. Without this file every page still works. */
"use strict";

const $ = (selector, within = document) => within.querySelector(selector);
const $$ = (selector) => [...document.querySelectorAll(selector)];
const on = (event, action) => document.addEventListener(event, action);
const words = $("#words")?.dataset ?? {};
const baseTitle = document.title;
const later = (milliseconds, action) => setTimeout(action, milliseconds);
const say = (text) => { const status = $("#status"); if (status) status.textContent = text; };
const language = document.documentElement.lang;

const channel = "BroadcastChannel" in window ? new BroadcastChannel("dm-inbox") : null;

const said = () => {}; // a failed request has been told to the reader by htmx:afterRequest

/* -- what the bell says -- */

function showCount() {
  const unread = Number($("#bell-state")?.dataset.unread ?? 0);
  document.title = (unread ? `(${unread}) ` : "") + baseTitle;
  const tab = $("#unread-tab");
  if (tab) tab.textContent = unread || "";
}

/* -- the live line -- */

function usePatientNotifications(center) {
  const { ws, sync, patient } = center.dataset;
  const live = { seq: 0, heard: null, failures: 0, line: "", spokenAt: 0, freshAt: Date.now() };
  let socket, release, holds, retry, poll, beat, rest, fetching, again, soon, due, lineTimers = [];

  const tell = (frame) => channel?.postMessage({ patient, ...frame });

  function line(state) { // one of the words, or ""; the other tabs say the same
    if (holds) tell({ line: state });
    const place = $("#line");
    if (!place || live.ended || state === live.line) return;
    live.line = state;
    const at = new Date(live.freshAt).toLocaleTimeString(language, { timeStyle: "short" });
    place.textContent = state && words[state].replace("{time}", at) + " ";
    if (state) say(place.textContent);
    if (state !== "ended") return;
    const a = place.appendChild(document.createElement("a"));
    a.href = `${words.signInUrl}?next=${encodeURIComponent(location.pathname + location.search)}`;
    a.textContent = words.signIn;
  }

  function standing() { // nothing at first; after a minute, what still works
    const lasts = live.since ? Date.now() - live.since : 0;
    if (!navigator.onLine) return "offline";
    if (lasts < 59900) return lasts < 9900 ? "" : "reconnecting";
    return live.freshAt > live.since && Date.now() - live.freshAt < 90000 ? "polling" : "offline";
  }

  function troubled() {
    if (!holds || live.since) return;
    live.since = Date.now();
    lineTimers = [10000, 60000].map((wait) => later(wait, () => line(standing())));
  }

  function well() {
    lineTimers.forEach(clearTimeout);
    live.since = 0;
    line(standing());
  }

  function end(state) { // for good, and nothing is left to whoever comes next
    stop();
    well();
    line(state);
    live.ended = true;
    $("#popover").hidePopover?.();
    $("#popover").replaceChildren();
  }

  const signedOut = () => { channel?.postMessage({ ended: true }); end("ended"); };

  async function refresh() { // one at a time; asked again meanwhile, it goes once more
    if (live.ended) return;
    if (fetching) { again = true; return; }
    fetching = true;
    try {
      const response = await fetch(syncUrl(), { headers: { "HX-Request": "true" } });
      if (response.status === 401) return signedOut();
      if (!response.ok) throw response;
      htmx.swap(document.body, await response.text(), { swapStyle: "none" });
      live.freshAt = Date.now();
      took();
      if (socket?.readyState === WebSocket.OPEN) well();
    } catch { troubled(); } finally {
      fetching = false;
      if (live.since && !live.ended) line(standing());
      if (again) { again = false; refresh(); }
    }
  }

  const refreshAll = () => { tell({}); refresh(); };

  function syncUrl() {
    const query = new URLSearchParams();
    if (live.heard !== null) query.set("since", live.heard);
    for (const input of $$("#mark-all input[type=hidden]")) {
      if (["view", "category"].includes(input.name)) query.set(input.name, input.value);
      if (input.name === "up_to" && !$("#list[data-older]")) query.set("up_to", input.value);
    }
    return `${sync}?${query}`;
  }

  function took() {
    const news = $("#news").dataset;
    live.seq = Math.max(live.seq, Number(news.seq));
    showCount();
    announce(news);
    const pill = $("#pill");
    if (pill && !$("#list li")) fill(pill, true); // nothing there that could move
  }

  function announce(news) { // how many, never what; in the tab being read
    const isTime = due;
    due = false;
    if (live.heard === null || document.hidden || !news.announce) { live.heard = live.seq; return; }
    // Those of 2 s are one, and 10 s lie between two.
    const wait = Math.max(2000, live.spokenAt + 10000 - Date.now());
    if (!isTime) { soon ??= later(wait, () => { soon = null; due = true; refresh(); }); return; }
    live.spokenAt = Date.now();
    live.heard = live.seq;
    say(news.announce);
    $("#alert").textContent = news.alarm;
  }

  function hear(frame) {
    if (frame.ended) return end("ended");
    if ("line" in frame) return line(frame.line);
    if (frame.event !== "pong") refresh();
  }

  function connect() {
    clearTimeout(retry);
    if (!holds || socket || !navigator.onLine) return;
    const since = live.seq ? `&since=${live.seq}` : "";
    socket = new WebSocket(`${location.origin.replace("http", "ws")}${ws}?events=only${since}`);
    socket.onopen = () => {
      live.failures = live.silence = 0;
      poll = clearInterval(poll);
      beat = setInterval(listenFor, 25000);
      well();
      refreshAll();
    };
    socket.onmessage = (message) => {
      const frame = JSON.parse(message.data);
      live.silence = 0;
      hear(frame);
      tell(frame);
    };
    socket.onclose = ({ code }) => {
      hangUp();
      if (code === 4401) return signedOut();
      if (code >= 4400 && code < 4500) return end("stopped");
      live.failures += 1;
      troubled();
      line(standing());
      if (live.failures >= 3 && !poll) { poll = setInterval(refreshAll, 60000); refreshAll(); }
      const most = Math.min(60000, 500 * 2 ** live.failures);
      retry = later(500 + Math.random() * (most - 500), connect);
    };
  }

  function hangUp() {
    clearInterval(beat);
    if (!socket) return;
    socket.onclose = null;
    socket.close();
    socket = null;
  }

  function listenFor() { // a line that is silent for two beats is dead
    if (live.since) refresh();
    if (live.silence >= 2) return socket.onclose({});
    live.silence += 1;
    if (socket.readyState === WebSocket.OPEN) socket.send("ping");
  }

  function start(steal) { // the first tab to get the lock holds the socket; the others wait in line
    if (release || live.ended || document.hidden) return;
    const given = new AbortController();
    const hold = () => new Promise((resolve) => {
      if (given.signal.aborted) return resolve();
      release = resolve;
      holds = true;
      connect();
    });
    release = () => given.abort();
    if (!navigator.locks) return hold();
    navigator.locks.request(`dm-inbox-${patient}`, steal ? { steal } : { signal: given.signal }, hold).catch(() => {
      if (holds && !given.signal.aborted) { stop(); start(); } // another tab took it
    });
  }

  function stop() {
    clearTimeout(retry);
    clearInterval(poll);
    hangUp();
    release?.();
    release = holds = poll = null;
  }

  channel?.addEventListener("message", ({ data }) => {
    if (!data.patient || data.patient === patient) hear(data);
  });
  const wake = () => { // the tab that holds the line may be asleep: the one in front takes it
    if (!holds) { stop(); start(true); }
    refresh();
  };
  on("visibilitychange", () => {
    clearTimeout(rest);
    document.hidden ? rest = later(30000, stop) : wake();
  });
  addEventListener("online", () => { well(); start(); connect(); refresh(); });
  addEventListener("offline", () => { hangUp(); line("offline"); });
  addEventListener("pagehide", stop);
  on("freeze", stop);
  addEventListener("pageshow", ({ persisted }) => persisted && wake());
  on("htmx:afterOnLoad", connect); // it answers again
  start();
}

/* -- the list: days, pill, focus -- */

let filling = false;

function fill(pill, quietly) { // asked for by what stays: the pill itself may be drawn anew
  filling = quietly;
  htmx.ajax("GET", pill.dataset.newer, { source: "#pill-bar", target: "#list", swap: "afterbegin" })
    .catch(said);
}

function joinDays() { // what came in brings its own day headings: two of a day become one
  for (const day of $$("#list .day")) {
    const next = day.nextElementSibling;
    if (!next || next.dataset.day !== day.dataset.day || !day.dataset.day) continue;
    $("ol", next).prepend(...$("ol", day).children);
    day.remove();
  }
}

function keepPlace() { // so that Back leads to all the rows that were here
  if (!$("#list li") || $("#list[data-older]")) return;
  const here = new URL(location);
  here.searchParams.set("through", $$("#list li").at(-1).dataset.seq);
  history.replaceState(history.state, "", here);
}

function leave(row) { // Back leads to this row, also when newer ones have come in above it
  history.scrollRestoration = "manual";
  history.replaceState({ row: row.id }, "");
}

function comeBack() {
  const row = document.getElementById(history.state?.row ?? "");
  if (!row) return;
  row.scrollIntoView({ block: "center" });
  $("h3 a", row).focus({ preventScroll: true });
}

function settle() {
  joinDays();
  const fresh = $$("#list li.newcomer");
  if (fresh.length) $("#empty")?.remove();
  fresh.forEach((row) => later(200, () => row.classList.remove("newcomer")));
  if (fresh.length) keepPlace();
  const wanted = $("[data-dm-focus]") ?? (filling ? null : fresh[0] && $("h3", fresh[0]));
  filling = false;
  if (wanted) {
    wanted.removeAttribute("data-dm-focus");
    if (wanted.tagName === "H3") wanted.tabIndex = -1;
    wanted.focus();
  }
  showCount();
  countChosen();
  relate();
}

function countChosen() {
  const place = $("#chosen"), ticked = $$(".choose :checked").length;
  if (place && ticked) place.textContent = place.dataset.said.replace("{count}", ticked);
  return place?.textContent;
}

/* -- times -- */

const long = new Intl.RelativeTimeFormat(language, { numeric: "always" });
const short = new Intl.RelativeTimeFormat(language, { numeric: "always", style: "short" });

function ago(seconds) {
  if (seconds < 3600) return short.format(-Math.max(1, Math.floor(seconds / 60)), "minute").replace(".", "");
  if (seconds < 86400) return long.format(-Math.floor(seconds / 3600), "hour");
  return long.format(-Math.floor(seconds / 86400), "day");
}

function relate() {
  for (const time of $$("time[data-ago]")) {
    time.dataset.ago ||= time.textContent;
    const seconds = (Date.now() - Date.parse(time.dateTime)) / 1000;
    if (seconds < 7 * 86400) time.textContent = `${ago(seconds)} (${time.dataset.ago})`;
  }
}

/* -- answers to a press -- */

on("htmx:configRequest", ({ detail }) => {
  const row = detail.elt.closest("li[id]");
  if (detail.verb !== "post" || detail.elt.id === "mark-all") return;
  for (const input of $$("#mark-all input[type=hidden]"))
    if (["view", "category", "up_to"].includes(input.name) && detail.elt.closest("li, #pop-all, #bulk"))
      detail.parameters[input.name] = input.value;
  if (detail.elt.id === "pop-all") { // the rows behind it are drawn anew
    const ids = $$("main .row.unread").map((each) => each.closest("li").id);
    detail.parameters.row = ids.map((id) => id.slice(2));
    detail.parameters.list = ids[0]?.[0] ?? "";
  }
  if (!row) return;
  const [prefix, id] = [row.id.slice(0, 1), row.id.slice(2)];
  const others = ["n", "p", "h"].filter((each) => each !== prefix && document.getElementById(`${each}-${id}`));
  detail.parameters.list = [prefix, ...others];
});

on("htmx:beforeRequest", ({ detail: { elt } }) => {
  elt.closest("li, form")?.setAttribute("aria-busy", "true");
  for (const complaint of $$(".complaint")) complaint.remove();
  cellState(elt, "saving", words.saving);
});

on("htmx:afterRequest", ({ detail: { elt, target, successful, xhr } }) => {
  elt.closest("li, form")?.removeAttribute("aria-busy");
  if (successful && xhr.status !== 422) return;
  if (elt.dataset.cell) {
    elt.checked = !elt.checked;
    cellState(elt, "failed", words.notSaved);
    return say(words.notSaved);
  }
  if (target.id === "popover") return target.replaceChildren($("#pop-failed").content.cloneNode(true));
  const text = xhr?.status === 422 ? $("#status").textContent : words.failed;
  say(text);
  const complaint = document.createElement("p");
  complaint.className = "complaint error";
  complaint.textContent = text;
  const place = elt.closest("li, form, #list");
  place ? place.append(complaint) : target.prepend(complaint); // the pill's rows
});

function cellState(elt, state, text) {
  const place = elt.dataset.cell && document.getElementById(elt.dataset.cell);
  if (place) { place.dataset.state = state; place.textContent = text; }
}

on("htmx:afterSettle", settle);

/* -- the popover -- */

function usePopover(bell, popover, source) {
  bell.setAttribute("aria-expanded", "false");
  bell.setAttribute("aria-controls", "popover");
  let wasOpen = false; // a press on the bell has closed the popover before the click comes
  bell.addEventListener("pointerdown", () => { wasOpen = popover.matches(":popover-open"); });
  bell.addEventListener("click", (event) => {
    if (!popover.togglePopover || !matchMedia("(min-width: 40em)").matches) return;
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    popover.togglePopover(!wasOpen && !popover.matches(":popover-open"));
    wasOpen = false;
  });
  const bones = popover.innerHTML;
  const load = () => {
    if ($("[data-again]", popover)) popover.innerHTML = bones;
    popover.setAttribute("aria-busy", "true");
    later(0, () => popover.focus());
    htmx.ajax("GET", source, { source: popover, target: popover, swap: "innerHTML" })
      .catch(said).finally(() => {
        popover.removeAttribute("aria-busy");
        if (document.activeElement === document.body) popover.focus(); // it was on what is gone
      });
  };
  popover.addEventListener("click", ({ target }) => target.closest("[data-again]") && load());
  popover.addEventListener("toggle", ({ newState }) => {
    const open = newState === "open";
    bell.setAttribute("aria-expanded", open);
    open ? load() : popover.contains(document.activeElement) && bell.focus();
  });
  popover.addEventListener("keydown", ({ key }) => key === "Escape" && later(0, () => bell.focus()));
  addEventListener("htmx:afterRequest", ({ detail: { elt, successful } }) => successful && elt.id === "pop-all" && popover.hidePopover());
}

/* -- small things -- */

on("click", ({ target }) => {
  for (const menu of $$("details.menu[open]"))
    if (!menu.contains(target)) menu.open = false;
  if (target.closest("#list h3 a")) leave(target.closest("li"));
  if (target.closest("[data-print]")) print();
  if (target.closest("#pill")) fill(target.closest("#pill"), false);
  const finder = target.closest("[data-zone]");
  if (finder) takeZone($(`#${finder.dataset.zone}`));
});

on("keydown", ({ key, target }) => {
  const menu = target.closest?.("details.menu[open]");
  if (key !== "Escape" || !menu) return;
  menu.open = false;
  $("summary", menu).focus();
});

on("change", ({ target }) => {
  if (target.matches("[data-submit]")) target.form.requestSubmit();
  if (target.name === "chosen") say(countChosen());
});

on("reset", () => $(".choose :checked")?.focus()); // its bar goes away

function takeZone(select) {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (![...select.options].some((option) => option.value === zone)) select.add(new Option(zone, zone));
  select.value = zone;
  select.focus();
}

for (const each of $$("[data-noscript]")) each.hidden = true;
for (const each of $$("[data-print], [data-zone]")) each.hidden = false;
for (const each of $$("input.switch")) each.setAttribute("role", "switch");
relate();
comeBack();
setInterval(relate, 60000);
if ($("#center")) {
  showCount();
  usePopover($("#bell"), $("#popover"), $("#center").dataset.popover);
  usePatientNotifications($("#center"));
} else if (location.pathname === words.signInUrl) channel?.postMessage({ ended: true }); // the other tabs
