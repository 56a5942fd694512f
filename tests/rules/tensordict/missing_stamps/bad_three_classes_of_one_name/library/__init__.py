from .models import Agent
