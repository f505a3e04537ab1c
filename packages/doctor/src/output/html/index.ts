/**
 * The doctor's results as one self-contained HTML file: summary, matrix, findings, stories, exposure. Nothing is
 * loaded from elsewhere, and every name is escaped: directories hold whatever somebody wrote into them.
 */
export { chooseStories } from "./choose-stories.ts";
export * from "./html-report.ts";
export { renderHtml } from "./render-html.ts";
