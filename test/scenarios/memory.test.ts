import { registerScenarios } from './register.ts'

registerScenarios('memory')
