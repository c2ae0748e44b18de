/**
 * A controller's north side as a process of its own, to be killed: `served-store.ts FILE
 * [POINT:COUNT]`. Prints its URL.
 */
import { createNorthbound } from '../../../controller/northbound/northbound.ts'
import { noHooks, strikeAt } from '../../../controller/store/hooks.ts'
import { Store } from '../../../controller/store/store.ts'
import { realizedAtOnce } from './realized-at-once.ts'

const [path = '', killAt] = process.argv.slice(2)
const hooks = killAt ? strikeAt(killAt, () => process.kill(process.pid, 'SIGKILL')) : noHooks
const store = Store.open(path, { hooks })
const northbound = await createNorthbound({ store, realization: realizedAtOnce(store), hooks })
const { url } = await northbound.listen()
process.stdout.write(`${url}\n`)
