// Validates workflows and action files by GitHub's own schema and expressions,
// and prints what is wrong: node validate.mjs FILE...
import {readFile} from 'node:fs/promises';
import {register} from 'node:module';

// The packages import JSON in the way of bundlers; Node wants an attribute.
const hook = `
import {readFile} from 'node:fs/promises';
export async function load(url, context, next) {
  if (!url.endsWith('.json')) return next(url, context);
  return {format: 'module', shortCircuit: true, source: 'export default ' + await readFile(new URL(url), 'utf8')};
}`;
register('data:text/javascript,' + encodeURIComponent(hook));
const {validate} = await import('@actions/languageservice');
const {TextDocument} = await import('vscode-languageserver-textdocument');

for (const path of process.argv.slice(2)) {
  const document = TextDocument.create('file:///' + path, 'yaml', 1, await readFile(path, 'utf8'));
  for (const {range, message} of await validate(document, {})) {
    console.log(`${path}:${range.start.line + 1}: ${message}`);
    process.exitCode = 1;
  }
}
