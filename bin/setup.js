// Brings what a checkout needs and does not have: packages, a Node 24, the compiled pcap addon.
//
// Every npm script passes through here first, on a machine that may have nothing but Node 20 and npm. So this file is
// plain JavaScript without packages, looks before it acts, says one line with its time for each thing it does, and says
// nothing when nothing is needed. Output goes to stderr: stdout belongs to the program that follows.
//
// Three steps, in this order because `npm ci` deletes what the others brought:
//   packages   `npm ci` when node_modules does not hold what package-lock.json names. Install scripts are left out
//              here (koffi brings its binary along), so that no compiler is needed and none runs for the wrong Node.
//   runtime    the `node` package, unsaved, when the machine's own Node is older than 24.
//   cap        the pcap addon, compiled for the Node that will run. Optional: without a compiler or libpcap's
//              headers Weft has no pcap ports and everything else runs.
// Neighbours: launch.js (npm start, npm run bench), test/run.js (npm test), child.js.

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { capture, Interrupted } from './child.js'

/** The checkout. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** The Node that is brought where the machine's own is older than `oldest`. */
const runtime = { version: '24.21.0', oldest: 24 }

const modules = join(root, 'node_modules')

/** All that the lock names, whatever NODE_ENV or a user's npmrc leave out; install scripts see above. */
const ci = ['ci', '--ignore-scripts', '--include=dev', '--include=optional']

/** Lines of npm's output that an error shows; its advice on options follows further down. */
const errorLines = 12

/**
 * Makes the checkout ready to run.
 * @returns {Promise<{ node: string, env: NodeJS.ProcessEnv, cap: boolean }>} the Node to run Weft with, the environment
 *   in which `node` is that one, and whether pcap ports are there
 * @throws {Error} with npm's own words when something that is not optional cannot be brought
 */
export async function setUp() {
  await bringPackages()
  const node = await bringRuntime()
  const folders = node.startsWith(modules) ? [dirname(node), withoutModules()] : [withoutModules()]
  const env = { ...process.env, PATH: folders.join(delimiter) }
  const cap = await bringCap(node, env)
  return { node, env: { ...env, PATH: [join(modules, '.bin'), env.PATH].join(delimiter) }, cap }
}

/**
 * What node_modules lacks, told from npm's own record of what it installed.
 * @param {{ packages: Record<string, any> }} lock package-lock.json
 * @param {{ packages: Record<string, any> } | undefined} installed node_modules/.package-lock.json
 * @returns {string[]} paths of packages that are missing or of another version; optional ones may be missing
 */
export function missingPackages(lock, installed) {
  return Object.entries(lock.packages)
    .filter(([path, wanted]) => {
      if (path === '') return false
      const present = installed?.packages[path]
      if (present === undefined) return !(wanted.optional || wanted.devOptional || wanted.peer)
      return present.version !== wanted.version || present.integrity !== wanted.integrity
    })
    .map(([path]) => path)
}

async function bringPackages() {
  const lock = readJson(join(root, 'package-lock.json'))
  const installed = existsSync(modules) ? readJson(join(modules, '.package-lock.json')) : undefined
  const missing = missingPackages(lock, installed)
  if (missing.length === 0) return
  const total = Object.keys(lock.packages).length - 1
  const why = installed ? `${missing.length} of ${total} are missing or old` : 'there are none yet'
  await step(`packages: npm ci, ${why}`, () => npm(ci))
}

async function bringRuntime() {
  if (major(process.versions.node) >= runtime.oldest && !process.execPath.startsWith(modules)) {
    return process.execPath
  }
  const node = join(modules, 'node', 'bin', 'node')
  const installed = readJson(join(modules, 'node', 'package.json'))
  if (installed?.version !== runtime.version || !existsSync(node)) {
    await step(`runtime: Node ${runtime.version}, this machine has ${ownVersion()}`, () =>
      npm(['install', '--no-save', `node@${runtime.version}`]),
    )
  }
  return node
}

async function bringCap(node, env) {
  if (await loads(node, 'cap')) return true
  const absent = 'pcap ports are absent, all else runs'
  const lacking = await missingTools(env)
  if (lacking.length > 0) {
    say(`cap: not built, no ${lacking.join(', no ')}: ${absent}`)
    return false
  }
  try {
    await step('cap: compiling the pcap addon', async () => {
      if (!existsSync(join(modules, 'cap'))) await npm(ci)
      await npm(['rebuild', 'cap', ...headers(node)], env)
      if (!(await loads(node, 'cap'))) throw new Error('it was built and does not load')
    })
    return true
  } catch (error) {
    if (error instanceof Interrupted) throw error
    say(`cap: ${lastLine(error.message)}: ${absent}`)
    return false
  }
}

/** What node-gyp and cap need and this machine lacks, in words. */
async function missingTools(env) {
  const probes = [
    ['C++ compiler', 'c++', ['--version']],
    ['make', 'make', ['--version']],
    ['python3', 'python3', ['--version']],
  ]
  const lacking = []
  for (const [name, command, args] of probes) {
    if (!(await succeeds(command, args, env))) lacking.push(name)
  }
  if (lacking.length > 0) return lacking
  const folder = mkdtempSync(join(tmpdir(), 'weft-setup-'))
  try {
    writeFileSync(join(folder, 'probe.cc'), '#include <pcap.h>\n')
    return (await succeeds('c++', ['-E', join(folder, 'probe.cc')], env)) ? [] : ['libpcap headers']
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Tells node-gyp where the headers of this very Node are; without them it fetches or guesses. */
function headers(node) {
  const folders = [
    join(modules, 'node', 'node_modules', `node-${process.platform}-${process.arch}`),
    dirname(dirname(node)),
  ]
  const own = node.startsWith(modules) ? folders : folders.slice(1)
  const found = own.find((folder) => existsSync(join(folder, 'include', 'node', 'node.h')))
  return found === undefined ? [] : [`--nodedir=${found}`]
}

/** Runs npm, with the machine's own Node, since `npm ci` deletes the one in node_modules. */
async function npm(args, env = { ...process.env, PATH: withoutModules() }) {
  const quiet = ['--loglevel=error', '--no-audit', '--no-fund', '--no-progress']
  const { code, output } = await capture('npm', [...args, ...quiet], {
    cwd: root,
    env: withoutOuterNpm(env),
  })
  const words = output.trim().split('\n').slice(0, errorLines).join('\n')
  if (code !== 0) throw new Error(`npm ${args.join(' ')} ended with ${code}\n${words}`)
}

/** Options given to the npm that runs this script (`npm pack --dry-run`) are not meant for the npm that it runs. */
function withoutOuterNpm(env) {
  const outer = ['npm_config_dry_run', 'npm_config_global', 'npm_config_json']
  return Object.fromEntries(Object.entries(env).filter(([name]) => !outer.includes(name)))
}

function withoutModules() {
  const folders = (process.env.PATH ?? '').split(delimiter)
  return folders.filter((folder) => !folder.startsWith(modules)).join(delimiter)
}

async function loads(node, name) {
  return succeeds(node, ['-e', `require(${JSON.stringify(name)})`], process.env)
}

async function succeeds(command, args, env) {
  try {
    return (await capture(command, args, { cwd: root, env })).code === 0
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'EACCES') return false
    throw error
  }
}

/** One line per step: the title at once, because it may take a while, its time at the end. */
async function step(title, action) {
  const began = performance.now()
  process.stderr.write(`set-up: ${title} `)
  let time = 'failed\n'
  try {
    await action()
    time = `(${((performance.now() - began) / 1000).toFixed(1)} s)\n`
  } finally {
    process.stderr.write(time)
  }
}

function say(line) {
  process.stderr.write(`set-up: ${line}\n`)
}

function readJson(path) {
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : undefined
}

function major(version) {
  return Number.parseInt(version, 10)
}

function ownVersion() {
  return process.execPath.startsWith(modules) ? 'an older one' : process.versions.node
}

function lastLine(text) {
  const lines = text.split('\n').filter((line) => line.trim() !== '')
  return lines.at(-1) ?? 'unknown'
}

/**
 * Ends this process as the program it stands for would: one sentence for a failed set-up, no stack.
 * @param {() => Promise<number>} main gives the exit code
 */
export async function exitWith(main) {
  try {
    process.exitCode = await main()
  } catch (error) {
    if (!(error instanceof Interrupted)) process.stderr.write(`set-up failed: ${error.message}\n`)
    process.exitCode = error instanceof Interrupted ? error.exitCode : 1
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await exitWith(async () => {
    await setUp()
    return 0
  })
}
