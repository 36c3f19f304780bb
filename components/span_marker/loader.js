// What Streamlit gets as the component's script: the modules lie beside it, behind the studio's
// own route, so that a rerun doesn't carry them. All are asked for at once, not one after another.

export default async function (component) {
  const address = (name) => new URL(component.data.assets + name, document.baseURI).href;
  for (const name of component.data.modules) import(address(name)).catch(() => {});
  const { mount } = await import(address("main.js"));
  return mount(component);
}
