// Entry of every page. Each module looks for its own elements and does nothing where there are none.
import { startSession } from "./session.js";
import { startPage } from "./page.js";
import { startEditor } from "./editor.js";
import { startKeyboard } from "./keyboard.js";
import { startPalette } from "./palette.js";
import { startBadges } from "./badges.js";
import { startLive } from "./live.js";
import { startJobs } from "./jobs.js";
import { startSelection } from "./selection.js";
import { startForms } from "./forms.js";
import { startRows } from "./rows.js";
import { startAccount } from "./account.js";
import { startPlayground } from "./playground.js";
import { startPatches } from "./patch.js";
import { startTraffic } from "./traffic.js";
import { startReadiness } from "./readiness.js";

startSession();
startPage();
startForms();
startEditor();
startSelection();
startRows();
if (document.body.dataset.liveUrl) {
  startPalette();
  startKeyboard();
  startBadges();
  startLive(document.body.dataset.liveUrl);
  startJobs();
  startPlayground();
  startAccount();
  startPatches();
  startTraffic();
  startReadiness();
}
