import { mount } from "svelte";
import App from "./App.svelte";
import { app, theme } from "./lib/app.svelte";
import "./style.css";

theme();
void app.start();
mount(App, { target: document.getElementById("app")! });
