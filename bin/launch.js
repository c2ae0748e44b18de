// Runs a TypeScript program of this checkout with everything it needs: `node bin/launch.js FILE.ts [ARGUMENT…]`.
//
// `npm start` is `node bin/launch.js bin/weft.ts lab`. It runs on the machine's own Node, which may be 20; the program
// runs on Node 24 or newer as a child whose signals, input, output and exit code are this process's own.
// The scripts in package.json say `exec node`: npm passes SIGTERM on to the shell it runs them with, and Debian's shell
// would die of it and leave this process, and a lab, behind. npm runs scripts in the checkout; the program runs in the
// folder that npm was called in (INIT_CWD), so that files are where whoever typed the command says.
// Neighbours: setup.js (what is brought), child.js (how the child is run).

import { resolve } from 'node:path'
import { run } from './child.js'
import { exitWith, root, setUp } from './setup.js'

const [file, ...args] = process.argv.slice(2)

await exitWith(async () => {
  if (file === undefined) throw new Error('usage: node bin/launch.js FILE.ts [ARGUMENT…]')
  const { node, env } = await setUp()
  return run(node, [resolve(root, file), ...args], { env, cwd: process.env.INIT_CWD || undefined })
})
