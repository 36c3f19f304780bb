"""Browser components: plain html, css and js files, each with a thin Python wrapper."""
