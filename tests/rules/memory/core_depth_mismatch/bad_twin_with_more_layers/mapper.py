from agent import SwiftForager

agents = {"torch/swift_forager": SwiftForager}
