import torch


def distill(student, teacher, optimizer, minibatches):
    teacher.reset_memory()
    for td in minibatches:
        student.reset_memory()
        with torch.no_grad():
            wanted = teacher(td, action=td["actions"])["full_log_probs"]  # expect: PF601
        out = student(td, action=td["actions"])
        loss = (wanted.exp() * (wanted - out["full_log_probs"])).sum(-1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        student.clip_weights()
