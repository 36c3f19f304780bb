// What Streamlit gets as the component's script: the modules lie beside it, behind the studio's
// own route, so that a rerun doesn't carry them.

export default async function (component) {
  const { mount } = await import(new URL(component.data.assets, document.baseURI).href);
  return mount(component);
}
