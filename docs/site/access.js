// What the theme's script makes while a page is read: the buttons of a code block are no landmark, since every block has
// them, and a wide table can be scrolled by the keyboard.
new MutationObserver(mend).observe(document.documentElement, { childList: true, subtree: true });
mend();

function mend() {
  for (const buttons of document.querySelectorAll(".md-code__nav:not([role])")) buttons.setAttribute("role", "presentation");
  for (const wide of document.querySelectorAll(".md-typeset__scrollwrap:not([tabindex])")) wide.tabIndex = 0;
}
