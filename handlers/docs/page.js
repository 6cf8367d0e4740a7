"use strict";
// The page of the API: Swagger UI on this server's own document.
const root = document.getElementById("api");
window.ui = SwaggerUIBundle({
  url: root.dataset.document,
  domNode: root,
  deepLinking: true,
  docExpansion: "none",
  filter: true,
  tagsSorter: undefined,
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  persistAuthorization: false,
  tryItOutEnabled: false,
  validatorUrl: null, // would ask another server
  presets: [SwaggerUIBundle.presets.apis],
  plugins: [SwaggerUIBundle.plugins.DownloadUrl],
  onComplete: () => document.body.classList.add("ready"),
});
