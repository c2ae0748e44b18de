/**
 * A process that works on a store and kills itself on the way: `node struck.ts WORK PATH POINT:COUNT`. Prints a line for each
 * revision that was acknowledged to it, before it goes on.
 */
import { writeSync } from 'node:fs'
import { argv, kill, pid } from 'node:process'
import { strikeAt } from '../../../controller/store/hooks.ts'
import { restore } from '../../../controller/store/restore.ts'
import { Store } from '../../../controller/store/store.ts'
import { counting } from '../model/site.ts'
import { writeLoad } from './write-load.ts'

const [work = '', path = '', killAt] = argv.slice(2)
const hooks = killAt ? strikeAt(killAt, () => kill(pid, 'SIGKILL')) : { at: () => {} }
const print = (line: string | number) => writeSync(1, `${line}\n`)
const open = () => Store.open(path, { hooks, uuid: counting(), keep: { revisions: 30 } })

switch (work) {
  case 'write':
    print('open')
    await writeLoad(open(), 100_000, print)
    break
  case 'open':
    open()
    break
  case 'backup': {
    const store = open()
    for (;;) {
      const [revision] = await Promise.all([store.backup(`${path}.backup`), writeLoad(store, 5)])
      print(revision)
    }
  }
  case 'restore':
    await restore(`${path}.backup`, path, { force: true, hooks })
    break
}
