// AssemblyScript: the decisions about events, as exports for the test of them. Holds no logic.
export { combine } from "../../../hv/core/events/combination";
export { nextEvent } from "../../../hv/core/events/priority";
